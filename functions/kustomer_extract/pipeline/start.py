"""Starts a run. An unfinished older run is closed first."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.config import config_hash, parse_integration, to_document
from kustomer_extract.errors import (
    CODES_THAT_MAY_PASS,
    Abandoned,
    ConfigInvalid,
    NeedsPerson,
    RetryLater,
    UnknownIntegration,
)
from kustomer_extract.models import RunState, Table, Trigger
from kustomer_extract.pipeline.delivery import to_target_run
from kustomer_extract.pipeline.end import end_run
from kustomer_extract.pipeline.invocation import Outcome
from kustomer_extract.pipeline.table import build_tables, hash_schemas
from kustomer_extract.pipeline.work import work

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kustomer_extract.pipeline.invocation import Invocation

_DEFAULT_TABLES = tuple(table for table in Table if not table.is_lookup)
"""The tables that get a failed job if the configuration cannot be read."""


def start(previous: RunState | None, invocation: Invocation) -> Outcome:
    """Start the run that the message asks for."""
    message, ports = invocation.message, invocation.ports
    try:
        document = ports.configs.fetch(message.integration)
    except UnknownIntegration as error:
        return invocation.drop("unknown_integration", str(error), error_code=error.code)
    if previous is not None and previous.finished_at is None:
        previous = _abandon(previous, invocation)
    state = _build_state(previous, invocation)
    try:
        where = ports.configs.locate(message.integration)
        integration = parse_integration(message.integration, document, now=state.started_at, where=where)
    except ConfigInvalid as error:
        ledger = invocation.open_ledger(replace(state, tables=build_tables(_DEFAULT_TABLES, state, config_hash="")))
        return Outcome(state=end_run(ledger, invocation, error=error))
    if not integration.status.runs:
        return invocation.skip(integration.status.lower())
    tables = tuple(integration.tables)
    if message.trigger is Trigger.RETRY:
        tables = _choose_tables_to_retry(tables, previous)
    if not tables:
        return invocation.skip("nothing_to_retry" if message.trigger is Trigger.RETRY else "nothing_selected")
    digest = config_hash(integration)
    invocation.emit(events.ConfigLoaded(config_hash=digest, tables=tables, warnings=integration.warnings))
    ledger = invocation.open_ledger(
        replace(
            state,
            document=to_document(integration),
            config_hash=digest,
            schema_hash=hash_schemas(integration),
            tables=build_tables(tables, state, config_hash=digest),
        )
    )
    ledger.start()
    with suppress(NeedsPerson, RetryLater):  # the end of the run writes it again
        ports.runs.record(ledger.state)
    return work(ledger, integration, invocation)


def _choose_tables_to_retry(tables: Iterable[Table], previous: RunState | None) -> tuple[Table, ...]:
    """Return the tables whose last job failed for a reason that may pass by itself."""
    jobs = previous.jobs if previous else ()
    failed = {job.table for job in jobs if job.error_code in CODES_THAT_MAY_PASS}
    return tuple(table for table in tables if table in failed)


def _build_state(previous: RunState | None, invocation: Invocation) -> RunState:
    message = invocation.message
    return RunState(
        integration=message.integration,
        run_id=to_target_run(message),
        trigger=message.trigger,
        published_at=message.published_at,
        started_at=invocation.began,
        version=previous.version if previous else None,
    )


def _abandon(state: RunState, invocation: Invocation) -> RunState:
    """Close an unfinished run. Its staging tables are dropped, so that nothing of it can be published later."""
    error = Abandoned("left unfinished and replaced by a newer run")
    return end_run(invocation.open_ledger(state), invocation, error=error)
