"""A plain HTTP client for the tests of the sandbox, without code of the product."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from tests.standins.kustomer.server import Sandbox

KEY = {"Authorization": "Bearer sandbox-key"}
CONVERSATIONS = "/v1/conversations"
SURVEYS = "/v1/satisfaction"
EPOCH = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Reply:
    """A response."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def ids(self) -> list[str]:
        return [record["id"] for record in self.json()["data"]]


def get(sandbox: Sandbox, path: str, headers: Mapping[str, str] = KEY) -> Reply:
    """GET a path, over a new connection."""
    return _ask(sandbox, "GET", path, headers)


def get_page(sandbox: Sandbox, page: int, path: str = CONVERSATIONS) -> Reply:
    """GET a page of two records."""
    return get(sandbox, f"{path}?page={page}&pageSize=2")


def post(sandbox: Sandbox, path: str, body: object) -> Reply:
    """POST a search."""
    return _ask(sandbox, "POST", path, {**KEY, "Content-Type": "application/json"}, json.dumps(body).encode())


def _ask(sandbox: Sandbox, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()
