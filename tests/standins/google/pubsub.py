"""A stand-in for a Pub/Sub topic: it keeps what is published over REST, and the test delivers it."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.standins.google.http_server import Answer, ConnectionDropped, HttpServer, Request, json_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A message on the topic. `body` is its decoded data."""

    message_id: str
    published_at: datetime
    body: Any = field(repr=False)

    def to_push(self) -> bytes:
        """Build the request of a push subscription."""
        data = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        message = {
            "data": base64.b64encode(data).decode(),
            "messageId": self.message_id,
            "publishTime": self.published_at.isoformat().replace("+00:00", "Z"),
        }
        return json.dumps({"message": message, "subscription": "projects/demo-project/subscriptions/push"}).encode()


class PubSub:
    """Serves ``POST /v1/{topic}:publish``.

    Attributes:
        waiting: Messages that were published and not yet taken by the test, in order.
        faults: The statuses of the next publishes, before or after their effect. ``drop`` closes the connection.
    """

    def __init__(self) -> None:
        self.waiting: list[Published] = []
        self.faults: list[int | str] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._server = HttpServer(self._respond)
        self.address = self._server.address

    def close(self) -> None:
        self._server.close()

    def publish(self, body: Any, *, published_at: datetime | None = None) -> Published:
        """Put a message on the topic, as Scheduler does."""
        with self._lock:
            number = next(self._numbers)
        return Published(message_id=f"99{number:08d}", published_at=published_at or datetime.now(UTC), body=body)

    def take(self) -> Published | None:
        """Take the oldest message off the topic."""
        with self._lock:
            return self.waiting.pop(0) if self.waiting else None

    def _respond(self, request: Request) -> Answer:
        if request.method != "POST" or not request.path.endswith(":publish"):
            return json_answer({"error": {"code": 501, "status": "UNIMPLEMENTED"}}, status=501)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, int):
            return json_answer({"error": {"code": fault, "status": "UNAVAILABLE"}}, status=fault)
        messages = [
            self.publish(json.loads(base64.b64decode(message["data"]))) for message in request.json()["messages"]
        ]
        with self._lock:
            self.waiting.extend(messages)
        if fault == "drop":  # published, but the client gets no response
            raise ConnectionDropped
        return json_answer({"messageIds": [message.message_id for message in messages]})
