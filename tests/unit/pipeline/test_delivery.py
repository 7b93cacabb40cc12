"""The decision about a message, given the state of the last run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kustomer_extract.models import IntegrationName, Message, RunId, RunState, Trigger, to_run_id
from kustomer_extract.pipeline.delivery import Decision, decide
from kustomer_extract.pipeline.limits import Limits

NOW = datetime(2026, 11, 23, 3, 0, 10, tzinfo=UTC)
ACME = IntegrationName("acme")
MESSAGE = Message(
    integration=ACME,
    trigger=Trigger.SCHEDULE,
    message_id="991a2b3c4d",
    published_at=datetime(2026, 11, 23, 3, 0, 0, 500_000, tzinfo=UTC),
)
ALIVE = NOW + timedelta(minutes=5)
DEAD = NOW - timedelta(seconds=1)
OURS = RunState(
    integration=ACME,
    run_id=to_run_id(MESSAGE),
    trigger=Trigger.SCHEDULE,
    published_at=MESSAGE.published_at,
    started_at=MESSAGE.published_at,
)
EARLIER = replace(OURS, run_id=RunId("20261122t030000z-1"), published_at=MESSAGE.published_at - timedelta(days=1))
LATER = replace(OURS, run_id=RunId("20261123t030001z-1"), published_at=MESSAGE.published_at + timedelta(seconds=1))
CONTINUE = replace(MESSAGE, trigger=Trigger.CONTINUE, run_id=OURS.run_id, hop=2)


def test_a_run_id_has_the_publish_time_and_the_end_of_the_message_id() -> None:
    assert to_run_id(MESSAGE) == "20261123t030000z-1a2b3c4d"
    assert to_run_id(replace(MESSAGE, message_id="--")) == "20261123t030000z-0"


@pytest.mark.parametrize(
    ("state", "message", "decision"),
    [
        (None, MESSAGE, Decision.START),
        (replace(OURS, finished_at=NOW), MESSAGE, Decision.FINISHED),
        (replace(OURS, finished_at=NOW), CONTINUE, Decision.FINISHED),
        (replace(OURS, hop=1, lease_until=ALIVE), MESSAGE, Decision.DUPLICATE),
        (replace(OURS, hop=1, lease_until=DEAD), MESSAGE, Decision.TAKE_OVER),
        (replace(OURS, hop=1, lease_until=None), MESSAGE, Decision.TAKE_OVER),
        (replace(OURS, hop=1, lease_until=None, next_delivery_due=ALIVE), MESSAGE, Decision.TAKE_OVER),
        (replace(OURS, hop=1, holder_hop=0, lease_until=ALIVE), MESSAGE, Decision.TAKE_OVER),
        (replace(OURS, hop=3, holder_hop=1, lease_until=ALIVE), MESSAGE, Decision.DUPLICATE),
        (replace(OURS, lease_until=ALIVE), MESSAGE, Decision.TAKE_OVER),
        (replace(OURS, hop=2, lease_until=None), CONTINUE, Decision.TAKE_OVER),
        (replace(OURS, hop=2, lease_until=ALIVE), CONTINUE, Decision.TAKE_OVER),
        (replace(OURS, hop=3, lease_until=ALIVE), CONTINUE, Decision.DUPLICATE),
        (replace(EARLIER, lease_until=ALIVE), MESSAGE, Decision.ALREADY_RUNNING),
        (replace(EARLIER, lease_until=DEAD), MESSAGE, Decision.START),
        (replace(EARLIER, lease_until=None), MESSAGE, Decision.START),
        (replace(EARLIER, lease_until=None, next_delivery_due=ALIVE), MESSAGE, Decision.ALREADY_RUNNING),
        (replace(EARLIER, lease_until=None, next_delivery_due=DEAD), MESSAGE, Decision.START),
        (replace(EARLIER, next_delivery_due=ALIVE, finished_at=NOW), MESSAGE, Decision.START),
        (replace(EARLIER, lease_until=ALIVE, finished_at=NOW), MESSAGE, Decision.START),
        (LATER, MESSAGE, Decision.SUPERSEDED),
        (replace(LATER, finished_at=NOW), MESSAGE, Decision.SUPERSEDED),
        (EARLIER, CONTINUE, Decision.SUPERSEDED),
        (None, CONTINUE, Decision.SUPERSEDED),
    ],
)
def test_the_decision_follows_from_the_message_and_the_state(
    state: RunState | None, message: Message, decision: Decision
) -> None:
    assert decide(state, message, NOW, Limits()) is decision


def test_two_runs_of_the_same_moment_have_an_order() -> None:
    twin = replace(OURS, run_id=RunId("20261123t030000z-0"))

    assert decide(replace(twin, finished_at=NOW), MESSAGE, NOW, Limits()) is Decision.START
    assert decide(OURS, replace(MESSAGE, message_id="0"), NOW, Limits()) is Decision.SUPERSEDED


def test_a_trigger_of_yesterday_starts_nothing() -> None:
    old = replace(MESSAGE, published_at=NOW - timedelta(hours=6, seconds=1))

    assert decide(None, old, NOW, Limits()) is Decision.TOO_OLD


def test_a_run_that_has_started_is_taken_over_at_any_age() -> None:
    old = replace(MESSAGE, published_at=NOW - timedelta(hours=7))

    assert decide(replace(OURS, run_id=to_run_id(old)), old, NOW, Limits()) is Decision.TAKE_OVER
