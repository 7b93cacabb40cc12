"""Does the work of a run: reads and publishes each of its tables until time is up."""

from __future__ import annotations

from contextlib import closing
from itertools import zip_longest
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.errors import NeedsPerson, RetryLater
from kustomer_extract.models import JobStatus, Table
from kustomer_extract.pipeline.end import emit_job_finished, end_run
from kustomer_extract.pipeline.hand_over import hand_over
from kustomer_extract.pipeline.invocation import Outcome
from kustomer_extract.pipeline.publish import publish
from kustomer_extract.pipeline.read import read
from kustomer_extract.pipeline.table import TableWork, choose_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kustomer_extract.config import Integration
    from kustomer_extract.pipeline.invocation import Invocation
    from kustomer_extract.pipeline.ledger import Ledger
    from kustomer_extract.ports import Source


def work(ledger: Ledger, integration: Integration, invocation: Invocation) -> Outcome:
    """Work on all tables; then hand over, or end the run.

    Raises:
        RetryLater: a table failed for a temporary reason. The other tables have been worked on.
    """
    state, ports = ledger.state, invocation.ports
    invocation.emit(events.RunStarted(trigger=invocation.message.trigger, hop=state.hop, attempt=state.attempt))
    try:
        key = ports.secrets.fetch_api_key(integration.name)
    except NeedsPerson as error:
        return Outcome(state=end_run(ledger, invocation, error=error))
    failures, is_done = [], True
    with closing(ports.open_source(integration, key, ports.log, invocation.scope)) as source:
        works = list(_iter_running(ledger, integration, invocation, source))
        for table_work, following in zip_longest(works, works[1:]):
            if following and _is_worth_a_start(following, beside=table_work):
                source.read_ahead(following.table, until=invocation.until)
            try:
                is_done = _advance(table_work)
            except RetryLater as error:
                failures.append(f"{table_work.table}: {error}")
            if not is_done:
                break
    if is_done and failures:
        raise RetryLater("; ".join(failures))
    if is_done:
        return Outcome(state=end_run(ledger, invocation))
    for failure in failures:
        invocation.emit(events.RunInterrupted(error=failure, failures=ledger.state.failures))
    return hand_over(ledger, invocation)


def _is_worth_a_start(following: TableWork, *, beside: TableWork) -> bool:
    """Whether to begin with the next table now: beside conversations its pages could wait for hours."""
    return (
        following.invocation.limits.reads_ahead and following.state.is_new and beside.table is not Table.CONVERSATIONS
    )


def _iter_running(
    ledger: Ledger, integration: Integration, invocation: Invocation, source: Source
) -> Iterator[TableWork]:
    for table, state in ledger.state.tables.items():
        if state.job.status is JobStatus.RUNNING:
            yield TableWork(
                table=table,
                integration=integration,
                invocation=invocation,
                ledger=ledger,
                choice=choose_columns(integration, table),
                source=source,
            )


def _advance(table_work: TableWork) -> bool:
    """Work on one table until its job has ended; return False if time was up before.

    A failure that needs a person ends the job, but not the run.
    """
    ledger, table = table_work.ledger, table_work.table
    try:
        if not _read_and_publish(table_work):
            return False
    except NeedsPerson as error:
        ledger.fail_job(table, error)
    emit_job_finished(ledger.state, table, table_work.invocation.ports)
    return True


def _read_and_publish(table_work: TableWork) -> bool:
    job = table_work.state.job
    table_work.emit(events.JobStarted(job_id=job.job_id, resumed=job.started_at is not None))
    table_work.check_wanted()
    table_work.ledger.start_job(table_work.table)
    if not table_work.state.extracted:
        read(table_work)
    if not table_work.state.extracted or table_work.invocation.is_late():
        return False
    publish(table_work)
    return True
