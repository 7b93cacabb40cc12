"""The run's state as this invocation last wrote it. Every write is conditional: the fence against other invocations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kustomer_extract.models import RunState, Table, TableState
    from kustomer_extract.pipeline.limits import Limits
    from kustomer_extract.ports import Clock, RunStore


class Ledger:
    """Holds the state, changes it in memory, and commits it with a fresh lease.

    A commit that finds the stored state changed raises `TakenOver`, and `run.py` weighs the message anew. So does one
    after a commit whose answer was lost: if that took effect, the invocation has overtaken itself.

    Attributes:
        state: As it stands in memory; at any time it may be written.
    """

    def __init__(self, state: RunState, *, runs: RunStore, clock: Clock, limits: Limits) -> None:
        self.state = state
        self._runs = runs
        self._clock = clock
        self._lease = timedelta(seconds=limits.lease_seconds)

    def table(self, table: Table) -> TableState:
        """Look up how far a table has come."""
        return self.state.tables[table]

    def change_table(self, table: Table, changed: TableState) -> None:
        """Put a table's new state in place, in memory."""
        self.state = replace(self.state, tables={**self.state.tables, table: changed})

    def change_job(self, table: Table, **changes: Any) -> None:
        """Change fields of a table's job, in memory."""
        known = self.table(table)
        self.change_table(table, replace(known, job=replace(known.job, **changes)))

    def commit(self, **changes: Any) -> None:
        """Write the state, with these changes and a lease that counts from now.

        Raises:
            TakenOver: another invocation has written it since.
            RetryLater: the store cannot be reached; whether the write took effect is unknown.
        """
        lease_until = self._clock.now() + self._lease
        self.state = self._runs.save(replace(self.state, **{"lease_until": lease_until, **changes}))

    def release(self, **changes: Any) -> None:
        """Write the state without a lease: whoever comes next may take over at once."""
        self.commit(lease_until=None, **changes)
