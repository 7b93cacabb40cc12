"""Ends a run: fails the jobs that still run, writes the records for people, and sets `finished_at` last."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import CODES_THAT_MAY_PASS, Abandoned, NeedsPerson, RetriesExhausted, RetryLater
from kustomer_extract.models import JobStatus, Trigger, colour, to_staging_name
from kustomer_extract.pipeline.last_run import record_last_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kustomer_extract.models import Job, RunState, Table
    from kustomer_extract.pipeline.invocation import Invocation
    from kustomer_extract.pipeline.ledger import Ledger
    from kustomer_extract.ports import Ports


def end_run(ledger: Ledger, invocation: Invocation, *, error: NeedsPerson | None = None) -> RunState:
    """End a run. Jobs that still run fail with `error`. Every step may be repeated after a crash.

    The results of the jobs are written to the state first. So repeating the other steps writes the same records.

    Raises:
        RetryLater: a record could not be written, and the run is not finished. A run that is given up or abandoned is
            finished in any case, and its log line says which record is missing.
        TakenOver: another invocation ends the run.
    """
    ports = invocation.ports
    if error is not None:
        _give_up(ledger, error, ports)
    now = ports.clock.now()
    finished_at = max((job.finished_at or now for job in ledger.state.jobs), default=now)
    finished = replace(ledger.state, finished_at=finished_at)
    is_last_attempt = isinstance(error, RetriesExhausted | Abandoned)
    has_used_all_attempts = is_last_attempt and ledger.state.failures > invocation.limits.max_failures
    problems = [
        # A stalled invocation could still publish what is staged, so dropping it gets more attempts than the records.
        *_try_steps([partial(drop_staging, finished, ports)], is_last_attempt=has_used_all_attempts),
        *_try_steps(_list_records(finished, ports), is_last_attempt=is_last_attempt),
    ]
    ledger.finish(finished_at=finished_at)
    failed = [job for job in finished.jobs if job.status is JobStatus.FAILED]
    event = events.RunFinished(
        colour=colour(finished.jobs),
        tables={job.table.value: job.status.value for job in finished.jobs},
        rows=sum(job.rows for job in finished.jobs if job.status is JobStatus.SUCCEEDED),
        hops=finished.hop + 1,
        elapsed_seconds=(ports.clock.now() - finished.started_at).total_seconds(),
        error=f"the records of this run are incomplete: {'; '.join(problems)}" if problems else None,
        has_second_chance=bool(failed) and all(_has_second_chance(finished, job) for job in failed),
    )
    ports.log.emit(events.Scope(integration=finished.integration, run_id=finished.run_id), event)
    return ledger.state


def emit_job_finished(state: RunState, table: Table, ports: Ports) -> None:
    """Log the result of a job."""
    job = state.tables[table].job
    scope = events.Scope(integration=job.integration, run_id=job.run_id, table=job.table)
    event = events.JobFinished(
        job_id=job.job_id,
        status=job.status,
        rows=job.rows,
        pages=job.pages,
        bytes=job.bytes,
        duplicates=job.duplicates,
        retries=job.retries,
        drift_paths=len(job.drift),
        expected_rows=job.expected_rows,
        proven_by=job.proven_by,
        short_pages=job.short_pages,
        unreadable_rows=job.unreadable_rows,
        columns_added=job.columns_added,
        columns_removed=job.columns_removed,
        minutes=job.minutes or 0.0,
        error_code=job.error_code,
        error=job.error,
        has_second_chance=_has_second_chance(state, job),
    )
    ports.log.emit(scope, event)


def _has_second_chance(state: RunState, job: Job) -> bool:
    """Whether the trigger `retry` will run the job again, some hours after the schedule."""
    return state.trigger is Trigger.SCHEDULE and job.error_code in CODES_THAT_MAY_PASS


def drop_staging(state: RunState, ports: Ports) -> None:
    """Drop the staging tables of the run. Chunks that are not in the state expire by themselves.

    The assembled tables of every attempt are dropped, too: an invocation that stalled just before publishing could
    still publish them.
    """
    names = [
        name
        for table, progress in state.tables.items()
        for name in (
            *(chunk.name for chunk in progress.chunks),
            to_staging_name(state, table, len(progress.chunks)),  # may have been started when the job ended
            *(
                to_staging_name(replace(state, attempt=attempt), table, suffix)
                for attempt in range(1, state.attempt + 1)
                for suffix in ("all", "unique")
            ),
        )
    ]
    ports.warehouse.drop(names)


def _give_up(ledger: Ledger, error: NeedsPerson, ports: Ports) -> None:
    running = [table for table, progress in ledger.state.tables.items() if progress.job.status is JobStatus.RUNNING]
    ledger.give_up(error)
    for table in running:
        emit_job_finished(ledger.state, table, ports)


def _list_records(state: RunState, ports: Ports) -> list[Callable[[], None]]:
    """Return the steps that write the records of the run for people."""
    steps: list[Callable[[], None]] = [
        partial(ports.warehouse.append_jobs, state.jobs),
        partial(ports.runs.record, state),
        partial(record_last_run, state, ports),
    ]
    if any(job.status is JobStatus.SUCCEEDED for job in state.jobs):
        steps.insert(0, partial(ports.configs.activate, state.integration))
    return steps


def _try_steps(steps: Sequence[Callable[[], None]], *, is_last_attempt: bool) -> Iterator[str]:
    """Execute every step, and yield the failures that are final. They stop neither the other steps nor the end."""
    for step in steps:
        try:
            step()
        except NeedsPerson as error:
            yield str(error)
        except RetryLater as error:
            if not is_last_attempt:
                raise
            yield str(error)
