"""Executes one message: starts a run, continues it, or does nothing.

To return means that the message can be acknowledged. To raise `RetryLater` asks for its redelivery.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import RetryLater, StateUnreadable, Stopped, TakenOver
from kustomer_extract.models import Trigger
from kustomer_extract.pipeline.delivery import Decision, decide
from kustomer_extract.pipeline.end import end_run
from kustomer_extract.pipeline.hand_over import interrupt
from kustomer_extract.pipeline.invocation import Invocation, Outcome
from kustomer_extract.pipeline.limits import Limits
from kustomer_extract.pipeline.start import start
from kustomer_extract.pipeline.take_over import take_over

if TYPE_CHECKING:
    from kustomer_extract.models import Message, RunState
    from kustomer_extract.ports import Ports


def execute(message: Message, ports: Ports, *, limits: Limits | None = None) -> Outcome:
    """Execute a message.

    Returns:
        The outcome. The message can be acknowledged.

    Raises:
        RetryLater: deliver the message again, later.
    """
    invocation = Invocation(message, ports, limits or Limits())
    try:
        return _execute(invocation)
    except RetryLater as error:
        return interrupt(error, invocation)


def stop(message: Message, ports: Ports, *, limits: Limits, reason: str) -> RunState | None:
    """End a run that a person interrupted; return its state, or None if there is no run.

    Raises:
        RetryLater: a record could not be written.
    """
    state = ports.runs.fetch(message.integration)
    if state is None or state.finished_at is not None:
        return state
    invocation = Invocation(message, ports, limits)
    return end_run(invocation.open_ledger(state), invocation, error=Stopped(reason))


def _execute(invocation: Invocation) -> Outcome:
    try:
        return _act(*_read_state(invocation), invocation)
    except TakenOver as error:
        decision, _ = _read_state(invocation)
        if decision in {Decision.START, Decision.TAKE_OVER}:  # maybe no other message continues the run
            raise RetryLater("another invocation wrote the state at the same time") from error
        return invocation.skip("taken_over")


def _read_state(invocation: Invocation) -> tuple[Decision, RunState | None]:
    runs, message = invocation.ports.runs, invocation.message
    try:
        state = runs.fetch(message.integration)
    except StateUnreadable as error:
        if message.trigger is Trigger.CONTINUE:  # its run is lost, so start a new one
            invocation.ports.continuations.publish(replace(message, trigger=Trigger.SCHEDULE, run_id=None, hop=0))
        state, where = None, runs.set_aside(message.integration)
        invocation.emit(events.StateSetAside(error=str(error), where=where))
    return decide(state, invocation.message, invocation.ports.clock.now(), invocation.limits), state


def _act(decision: Decision, state: RunState | None, invocation: Invocation) -> Outcome:
    if decision is Decision.START:
        return start(state, invocation)
    if decision is Decision.TAKE_OVER and state is not None:
        return take_over(state, invocation)
    if decision is Decision.SUPERSEDED:
        return invocation.drop("superseded", "a newer run has taken its place")
    if decision is Decision.TOO_OLD:
        hours = invocation.limits.max_trigger_age_hours
        return invocation.drop(
            "too_old", f"published over {hours:g} h ago; the next schedule or a manual run replaces it"
        )
    return invocation.skip(decision.name.lower())
