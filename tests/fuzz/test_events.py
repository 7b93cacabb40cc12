"""Any delivered event becomes a message, or `UnreadableMessage`."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from kustomer_extract.adapters.google.cloud_event import parse_message
from kustomer_extract.config import is_integration_name
from kustomer_extract.errors import UnreadableMessage
from kustomer_extract.pipeline.delivery import to_target_run
from tests.fuzz.inputs import INPUTS, WORDS, iter_changed

if TYPE_CHECKING:
    from kustomer_extract.models import Message

BODIES: tuple[dict[str, Any], ...] = (
    {"integration": "acme", "trigger": "schedule"},
    {"integration": "acme"},
    {"integration": "acme", "trigger": "continue", "run_id": "20261123t030000z-1a2b3c4d", "hop": 3},
)


def wrap(body: Any) -> dict[str, Any]:
    """Wrap a body in an event, as a push subscription delivers it."""
    data = base64.b64encode(json.dumps(body).encode()).decode()
    message = {"data": data, "messageId": "1", "publishTime": "2026-11-23T03:00:00.123Z"}
    return {"message": message, "subscription": "projects/p/subscriptions/s"}


def read(event: Any, *, event_time: str = "2026-11-23T03:00:00Z") -> Message | None:
    """Parse an event. None if it is unreadable."""
    try:
        message = parse_message(event, event_id="e1", event_time=event_time)
    except UnreadableMessage:
        return None
    assert is_integration_name(message.integration)
    assert message.published_at.tzinfo is not None
    assert to_target_run(message)
    return message


def test_any_body_is_a_message_or_unreadable() -> None:
    messages = [read(wrap(body)) for body in iter_changed(BODIES)]

    assert len([message for message in messages if message]) > INPUTS / 20
    assert messages.count(None) > INPUTS / 4


def test_any_envelope_is_a_message_or_unreadable() -> None:
    messages = [read(event) for event in iter_changed([wrap(body) for body in BODIES])]

    assert len([message for message in messages if message]) > INPUTS / 20
    assert messages.count(None) > INPUTS / 4


def test_a_very_deeply_nested_body_is_unreadable() -> None:
    event = wrap({})
    event["message"]["data"] = base64.b64encode(b"[" * 100_000).decode()

    assert read(event) is None


def test_any_time_of_an_event_is_read_or_refused() -> None:
    event = wrap(BODIES[0])
    del event["message"]["publishTime"]

    messages = [read(event, event_time=word) for word in WORDS]

    assert any(messages)
    assert None in messages
