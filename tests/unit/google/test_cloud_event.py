"""Parsing an event: it is a message of ours, or the error says why not, without the content."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kustomer_extract.adapters.google.cloud_event import parse_message
from kustomer_extract.errors import UnreadableMessage
from kustomer_extract.models import IntegrationName, Message, RunId, Trigger


def event_of(body: object, **envelope: Any) -> dict[str, Any]:
    data = base64.b64encode(body if isinstance(body, bytes) else json.dumps(body).encode()).decode()
    return {"message": {"data": data, **envelope}}


def parse(event: object) -> Message:
    return parse_message(event, event_id="77", event_time="2026-11-23T03:00:00.5Z")


def test_the_message_of_a_push_subscription() -> None:
    event = event_of({"integration": "acme"}, messageId="123", publishTime="2026-11-23T04:00:00.25+01:00")

    assert parse(event) == Message(
        integration=IntegrationName("acme"),
        trigger=Trigger.SCHEDULE,
        message_id="123",
        published_at=datetime(2026, 11, 23, 3, 0, 0, 250_000, tzinfo=UTC),
    )


def test_id_and_time_of_the_event_replace_missing_ones() -> None:
    message = parse(event_of({"integration": "acme", "trigger": "manual"}))

    assert (message.message_id, message.published_at.second, message.trigger) == ("77", 0, Trigger.MANUAL)


def test_a_continue_message_names_its_run_and_hop() -> None:
    body = {"integration": "acme", "trigger": "continue", "run_id": "20261123t030000z-1a2b3c4d", "hop": 2}

    message = parse(event_of(body))

    assert (message.run_id, message.hop) == (RunId("20261123t030000z-1a2b3c4d"), 2)


def test_a_schedule_cannot_name_a_run() -> None:
    body = {"integration": "acme", "trigger": "schedule", "run_id": "20261123t030000z-1a2b3c4d", "hop": 2}

    assert parse(event_of(body)).run_id is None


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (None, "no Pub/Sub message"),
        ({}, "no Pub/Sub message"),
        ({"message": {}}, "not a JSON object"),
        ({"message": {"data": 5}}, "not a JSON object"),
        ({"message": {"data": "%%%"}}, "not a JSON object"),
        (event_of(b"{broken"), "not a JSON object"),
        (event_of([]), "not a JSON object"),
        (event_of({}), "the name of one"),
        (event_of({"integration": "../acme"}), "the name of one"),
        (event_of({"integration": ["acme"]}), "the name of one"),
        (event_of({"integration": "acme", "trigger": "now"}), "none of schedule, manual, continue"),
        (event_of({"integration": "acme", "trigger": []}), "none of schedule, manual, continue"),
        (event_of({"integration": "acme", "trigger": "continue"}), '"run_id" and the "hop"'),
        (event_of({"integration": "acme", "trigger": "continue", "run_id": "a`b", "hop": 1}), '"run_id" and the "hop"'),
        (
            event_of({"integration": "acme", "trigger": "continue", "run_id": "20261123t030000z-1", "hop": -1}),
            '"run_id" and the "hop"',
        ),
        (event_of({"integration": "acme"}, publishTime="yesterday"), "time of publication"),
    ],
)
def test_anything_else_is_unreadable_with_a_reason(event: object, reason: str) -> None:
    with pytest.raises(UnreadableMessage, match=reason):
        parse(event)
