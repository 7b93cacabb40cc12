"""Decides what to do with a message, given the state of the last run. docs/architecture.md has the same as a table."""

from __future__ import annotations

import enum
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.models import RunId, Trigger, to_run_id

if TYPE_CHECKING:
    from datetime import datetime

    from kustomer_extract.models import Message, RunState
    from kustomer_extract.pipeline.limits import Limits


class Decision(enum.Enum):
    """What an invocation does with its message. All but START and TAKE_OVER acknowledge it at once."""

    START = enum.auto()
    TAKE_OVER = enum.auto()
    FINISHED = enum.auto()
    DUPLICATE = enum.auto()
    ALREADY_RUNNING = enum.auto()
    SUPERSEDED = enum.auto()
    TOO_OLD = enum.auto()


def to_target_run(message: Message) -> RunId:
    """Return the id of the run that a message starts or continues."""
    return message.run_id or to_run_id(message)


def decide(state: RunState | None, message: Message, now: datetime, limits: Limits) -> Decision:
    """Decide what to do with a message, given the state.

    A message of the stored run takes that run over, even if a holder seems to be at work: the message was delivered
    again because its holder died, timed out or released the run. A holder that still works fails at its next write.
    The exception is a later hop that is alive. It has a message of its own, which Pub/Sub keeps until that hop is done.
    """
    run_id = to_target_run(message)
    if state is not None and state.run_id == run_id:
        return _decide_for_own_run(state, message, now)
    older = state is not None and (message.published_at, run_id) < (state.published_at, state.run_id)
    if older or message.trigger is Trigger.CONTINUE:
        return Decision.SUPERSEDED
    if state is not None and (is_held(state, now) or is_due(state, now)):
        return Decision.ALREADY_RUNNING
    too_old = now - message.published_at > timedelta(hours=limits.max_trigger_age_hours)
    return Decision.TOO_OLD if too_old else Decision.START


def _decide_for_own_run(state: RunState, message: Message, now: datetime) -> Decision:
    if state.finished_at is not None:
        return Decision.FINISHED
    holder_hop = state.hop if state.holder_hop is None else state.holder_hop
    return Decision.DUPLICATE if is_held(state, now) and holder_hop > message.hop else Decision.TAKE_OVER


def is_held(state: RunState, now: datetime) -> bool:
    """Whether an invocation probably works on the run now."""
    return state.finished_at is None and state.lease_until is not None and state.lease_until > now


def is_due(state: RunState, now: datetime) -> bool:
    """Whether the run was released and waits for its next message."""
    return state.finished_at is None and state.next_delivery_due is not None and state.next_delivery_due > now
