"""Turns a delivered CloudEvent into a `Message`, and checks it field by field."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any

from kustomer_extract.config import is_integration_name
from kustomer_extract.errors import UnreadableMessage
from kustomer_extract.models import IntegrationName, Message, RunId, Trigger

_RUN_ID = re.compile(r"\d{8}t\d{6}z-[0-9a-z]{1,8}")


def parse_message(event: object, *, event_id: str, event_time: str) -> Message:
    """Read a Pub/Sub message.

    Args:
        event: ``{"message": {"data": base64 of {"integration": str, "trigger"?, "run_id"?, "hop"?}, "messageId"?,
            "publishTime"?}}``, as a push subscription and Eventarc deliver it.
        event_id: The event's id, used if the message has none.
        event_time: The event's time (RFC 3339), used if the message has none.

    Raises:
        UnreadableMessage: the message says what is wrong, without the content.
    """
    envelope = event.get("message") if isinstance(event, dict) else None
    if not isinstance(envelope, dict):
        raise UnreadableMessage("the event holds no Pub/Sub message")
    body = _decode(envelope.get("data"))
    integration = body.get("integration")
    if not is_integration_name(integration):
        raise UnreadableMessage('no "integration" with the name of one: expected {"integration": "acme"}')
    trigger = body.get("trigger", Trigger.SCHEDULE.value)
    if trigger not in list(Trigger):
        raise UnreadableMessage(f'"trigger" is none of {", ".join(Trigger)}')
    message = Message(
        integration=IntegrationName(integration),
        trigger=Trigger(trigger),
        message_id=str(envelope.get("messageId") or event_id),
        published_at=_parse_time(str(envelope.get("publishTime") or event_time)),
    )
    return message if message.trigger is not Trigger.CONTINUE else _add_hop(message, body)


def _decode(data: object) -> dict[str, Any]:
    try:
        body = json.loads(base64.b64decode(data, validate=True)) if isinstance(data, str) else None
    except (binascii.Error, RecursionError, ValueError):
        body = None
    if not isinstance(body, dict):
        raise UnreadableMessage('the message\'s data is not a JSON object: expected {"integration": "acme"}')
    return body


def _parse_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (OverflowError, ValueError):
        raise UnreadableMessage("the message has no time of publication") from None


def _add_hop(message: Message, body: dict[str, Any]) -> Message:
    run_id, hop = body.get("run_id"), body.get("hop")
    if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id) or not isinstance(hop, int) or hop < 0:
        raise UnreadableMessage('a "continue" message needs the "run_id" and the "hop" of its run')
    return Message(
        integration=message.integration,
        trigger=message.trigger,
        message_id=message.message_id,
        published_at=message.published_at,
        run_id=RunId(run_id),
        hop=hop,
    )
