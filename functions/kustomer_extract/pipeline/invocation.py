"""One delivery of a message: what all of its steps share, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.pipeline.delivery import to_target_run
from kustomer_extract.pipeline.ledger import Ledger

if TYPE_CHECKING:
    from kustomer_extract.models import Message, RunState, Table
    from kustomer_extract.pipeline.limits import Limits
    from kustomer_extract.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a message.

    Attributes:
        state: The run's state as this invocation left it; None if it did not work on a run.
        reason: Why nothing was done; None if something was.
    """

    state: RunState | None = None
    reason: str | None = None


class Invocation:
    """What all steps of one delivery share.

    Attributes:
        began: When the message was delivered.
        until: The soft deadline: after it no new request starts.
        ledger: The ledger of the run; None until one is opened.
    """

    def __init__(self, message: Message, ports: Ports, limits: Limits) -> None:
        self.message = message
        self.ports = ports
        self.limits = limits
        self.began = ports.clock.now()
        self.until = self.began + timedelta(seconds=limits.soft_deadline_seconds)
        self.scope = events.Scope(integration=message.integration, run_id=to_target_run(message))
        self.ledger: Ledger | None = None

    def open_ledger(self, state: RunState) -> Ledger:
        """Create the ledger of a run."""
        self.ledger = Ledger(state, runs=self.ports.runs, clock=self.ports.clock, limits=self.limits)
        return self.ledger

    def is_late(self) -> bool:
        """Tell whether the soft deadline has passed."""
        return self.ports.clock.now() >= self.until

    def emit(self, event: events.Event, table: Table | None = None) -> None:
        """Write an event about the run, or about one of its tables."""
        self.ports.log.emit(replace(self.scope, table=table), event)

    def skip(self, reason: str) -> Outcome:
        """Log that there is nothing to do."""
        self.emit(events.RunSkipped(reason=reason))
        return Outcome(reason=reason)

    def drop(self, reason: str, detail: str, *, error_code: str | None = None) -> Outcome:
        """Log that the message leads to no run."""
        self.emit(events.TriggerDropped(reason=reason, detail=detail, error_code=error_code))
        return Outcome(reason=reason)
