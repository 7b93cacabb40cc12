"""Continues a run whose holder died, timed out or released it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.config import restore_integration
from kustomer_extract.errors import NeedsPerson, RetriesExhausted
from kustomer_extract.models import JobStatus
from kustomer_extract.pipeline.delivery import is_held
from kustomer_extract.pipeline.end import drop_staging, end_run
from kustomer_extract.pipeline.hand_over import hand_over
from kustomer_extract.pipeline.invocation import Outcome
from kustomer_extract.pipeline.table import build_tables, hash_schemas
from kustomer_extract.pipeline.work import work

if TYPE_CHECKING:
    from kustomer_extract.models import RunState
    from kustomer_extract.pipeline.invocation import Invocation
    from kustomer_extract.pipeline.ledger import Ledger


def take_over(state: RunState, invocation: Invocation) -> Outcome:
    """Continue where the state says that the run stopped.

    If the lease has not ended, this invocation only calls the next hop. The holder may be alive, with another delivery
    of the same message. As soon as one of the two returns, the message is acknowledged; if the other then died, no
    message would be left to continue the run.
    """
    ledger = invocation.open_ledger(state)
    if is_held(state, invocation.began):
        return hand_over(ledger, invocation)
    ledger.take_over(hop=invocation.message.hop)
    exhausted = _check_exhausted(state, invocation)
    if exhausted is not None or not any(job.status is JobStatus.RUNNING for job in state.jobs):
        return Outcome(state=end_run(ledger, invocation, error=exhausted))
    try:
        integration = restore_integration(state.integration, state.document, now=state.started_at)
        schema_hash = hash_schemas(integration)
        if schema_hash != state.schema_hash:
            _start_over(ledger, invocation, schema_hash=schema_hash)
    except NeedsPerson as error:  # a new version was deployed between two hops
        return Outcome(state=end_run(ledger, invocation, error=error))
    return work(ledger, integration, invocation)


def _start_over(ledger: Ledger, invocation: Invocation, *, schema_hash: str) -> None:
    """Read all tables that still run from the start, because a new version with other columns was deployed.

    The staged tables are dropped first, so that a stalled invocation of the older version cannot publish them.
    """
    state = ledger.state
    running = [table for table, progress in state.tables.items() if progress.job.status is JobStatus.RUNNING]
    drop_staging(state, invocation.ports)
    ledger.start_over(build_tables(running, state, config_hash=state.config_hash), schema_hash=schema_hash)


def _check_exhausted(state: RunState, invocation: Invocation) -> RetriesExhausted | None:
    limits, hours = invocation.limits, (invocation.began - state.started_at) / timedelta(hours=1)
    if state.failures < limits.max_failures and state.hop < limits.max_hops and hours < limits.max_run_hours:
        return None
    return RetriesExhausted(
        f"given up after {state.failures} attempts without progress, {state.hop} hops and {hours:.1f} h: "
        "see the warnings of this run in the log for what failed, then start a manual run"
    )
