"""The run's state as this invocation last wrote it, and every change it can make to it.

`docs/architecture.md` has the table of states; each transition there is the method of the same name here.
Every write is conditional on the one before. This is the fence that keeps out other invocations.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.errors import NeedsPerson, Stopped
from kustomer_extract.models import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kustomer_extract.models import Job, RunState, Staged, Table, TableState
    from kustomer_extract.pipeline.limits import Limits
    from kustomer_extract.ports import Clock, RunStore


class Ledger:
    """Keeps the state of one run.

    Each method writes the state, and may raise two errors. `TakenOver`: another invocation has written it since, and
    `run.py` decides again what the message means. `RetryLater`: the store cannot be reached. The write may have taken
    effect; then the next write raises `TakenOver`.

    Attributes:
        state: The state as it was last written.
        has_progressed: Whether this invocation made progress.
    """

    def __init__(self, state: RunState, *, runs: RunStore, clock: Clock, limits: Limits) -> None:
        self.state = state
        self.has_progressed = False
        self._runs = runs
        self._clock = clock
        self._lease = timedelta(seconds=limits.lease_seconds)
        self._redelivery = timedelta(seconds=limits.redelivery_seconds)

    @property
    def is_held(self) -> bool:
        """Whether this invocation holds the lease, as far as it knows."""
        return self.state.lease_until is not None

    def table(self, table: Table) -> TableState:
        """Return the progress of a table."""
        return self.state.tables[table]

    # --- the run

    def start(self) -> None:
        """Write a new run's first state."""
        self._hold(self.state)

    def take_over(self, *, hop: int) -> None:
        """Take the run from a holder that died, timed out or released it. An older message does not set `hop` back."""
        state = self.state
        taken = replace(state, attempt=state.attempt + 1, failures=state.failures + 1)
        self._hold(replace(taken, hop=max(hop, state.hop), holder_hop=hop if hop < state.hop else None))

    def start_over(self, fresh: Mapping[Table, TableState], *, schema_hash: str) -> None:
        """Start over with the tables that still run: rows of two schemas must not mix."""
        self._hold(replace(self.state, schema_hash=schema_hash, tables={**self.state.tables, **fresh}))

    def hand_over(self) -> None:
        """Release the run for the next hop. The caller sends its message."""
        self._release(replace(self.state, hop=self.state.hop + 1), due=self._redelivery)

    def let_go(self) -> None:
        """Release the run for another delivery of the same message."""
        self._release(self.state, due=self._redelivery)

    def give_up(self, error: NeedsPerson) -> None:
        """Fail the jobs that still run. The lease is released: any invocation may write the records and finish."""
        now = self._clock.now()
        failed = {table: _fail(state, error, now) for table, state in self.state.tables.items() if _runs(state)}
        state = self.state
        self._release(replace(state, tables={**state.tables, **failed}, failures=state.failures + 1), due=None)

    def finish(self, *, finished_at: datetime) -> None:
        """End the run. This is its last write."""
        self._release(replace(self.state, finished_at=finished_at), due=None)

    # --- its tables

    def start_job(self, table: Table) -> None:
        """Remember when the job started. The next write stores it."""
        known = self.table(table)
        started = replace(known, job=replace(known.job, started_at=known.job.started_at or self._clock.now()))
        self.state = self._with(table, started)

    def record(self, table: Table, position: TableState, staged: Sequence[Staged] = ()) -> None:
        """Write how far a table was read, together with the chunks that were staged since `position.chunks`."""
        self._advance(table, replace(position, chunks=(*position.chunks, *staged)))

    def announce_publish(self, table: Table, job: Job) -> None:
        """Write what is about to be published. An invocation that has lost the run fails here."""
        self._hold(self._with(table, replace(self.table(table), job=job)))

    def end_job(self, table: Table) -> None:
        """End a job whose rows are published."""
        known, now = self.table(table), self._clock.now()
        done = replace(known.job, status=JobStatus.SUCCEEDED, published_at=now, finished_at=now)
        self._advance(table, replace(known, job=done))

    def fail_job(self, table: Table, error: NeedsPerson) -> None:
        """End a job that needs a person: FAILED, or SKIPPED if a person stopped it."""
        self._advance(table, _fail(self.table(table), error, self._clock.now()))

    # --- writing

    def _with(self, table: Table, changed: TableState) -> RunState:
        return replace(self.state, tables={**self.state.tables, table: changed})

    def _advance(self, table: Table, changed: TableState) -> None:
        self._hold(replace(self._with(table, changed), failures=0))
        self.has_progressed = True

    def _hold(self, state: RunState) -> None:
        """Write a state with a lease that starts now."""
        lease_until = self._clock.now() + self._lease
        self.state = self._runs.save(replace(state, lease_until=lease_until, next_delivery_due=None))

    def _release(self, state: RunState, *, due: timedelta | None) -> None:
        """Write a state without a lease. A message of this run may take over at once, others after `due` has passed."""
        next_due = None if due is None else self._clock.now() + due
        self.state = self._runs.save(replace(state, lease_until=None, next_delivery_due=next_due))


def _runs(state: TableState) -> bool:
    return state.job.status is JobStatus.RUNNING


def _fail(state: TableState, error: NeedsPerson, now: datetime) -> TableState:
    job = replace(
        state.job,
        status=JobStatus.SKIPPED if isinstance(error, Stopped) else JobStatus.FAILED,
        error_code=error.code,
        error=str(error),
        started_at=state.job.started_at or now,
        finished_at=now,
    )
    return replace(state, job=job)
