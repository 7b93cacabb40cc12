"""How an invocation lets go of a run that is not at its end: by calling the next hop, or by asking for redelivery."""

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
    """Let go of the run, then call the next hop. A crash in between is mended by redelivery."""
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
    """Let go of the run after a transient failure.

    An invocation that has brought the run forward calls the next hop: a message is delivered 30 times at most, and
    none of them is to be spent on a run that gets on.

    Raises:
        RetryLater: `error`; the message is to be delivered again.
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
