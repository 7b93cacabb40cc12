"""Releases a run that has not ended: by calling the next hop, or by asking for redelivery."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import ExtractError, NeedsPerson
from kustomer_extract.models import Trigger
from kustomer_extract.pipeline.end import end_run
from kustomer_extract.pipeline.invocation import Outcome

if TYPE_CHECKING:
    from kustomer_extract.errors import RetryLater
    from kustomer_extract.pipeline.invocation import Invocation
    from kustomer_extract.pipeline.ledger import Ledger


def hand_over(ledger: Ledger, invocation: Invocation) -> Outcome:
    """Release the run, then call the next hop. After a crash in between, redelivery continues the run."""
    ledger.hand_over()
    state = ledger.state
    call = replace(invocation.message, trigger=Trigger.CONTINUE, run_id=state.run_id, hop=state.hop)
    try:
        invocation.ports.continuations.publish(call)
    except NeedsPerson as error:
        return Outcome(state=end_run(ledger, invocation, error=error))
    invocation.emit(events.RunContinued(hop=state.hop))
    return Outcome(state=state)


def interrupt(error: RetryLater, invocation: Invocation) -> Outcome:
    """Release the run after a temporary failure.

    An invocation that made progress calls the next hop instead of asking for redelivery: Pub/Sub delivers a message 30
    times at most, and a run that makes progress shall not use these up.

    Raises:
        RetryLater: `error`; the message shall be delivered again.
    """
    ledger = invocation.ledger
    failures = ledger.state.failures if ledger else 0
    invocation.emit(events.RunInterrupted(error=str(error), failures=failures))
    if ledger is not None and ledger.is_held:
        with suppress(ExtractError):
            if ledger.has_progressed:
                return hand_over(ledger, invocation)
            ledger.let_go()
    raise error
