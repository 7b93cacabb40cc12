"""One invocation: a message in; a run started, taken over, handed on, or finished.

Returning means that the message is done with. Raising `RetryLater` asks for its redelivery, which goes on.
"""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract import events
from kustomer_extract.config import config_hash, parse_integration, to_document
from kustomer_extract.errors import (
    Abandoned,
    ConfigInvalid,
    ExtractError,
    NeedsPerson,
    RetriesExhausted,
    RetryLater,
    TakenOver,
    UnknownIntegration,
)
from kustomer_extract.models import (
    Job,
    JobStatus,
    Message,
    RunState,
    Table,
    TableState,
    Trigger,
    to_job_id,
)
from kustomer_extract.pipeline.closing import close_run, emit_job_finished, fail_job
from kustomer_extract.pipeline.delivery import Decision, decide, is_held, to_target_run
from kustomer_extract.pipeline.job import TableJob
from kustomer_extract.pipeline.ledger import Ledger
from kustomer_extract.pipeline.limits import Limits
from kustomer_extract.schema import load_schema, schema_hash, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kustomer_extract.config import Integration
    from kustomer_extract.ports import Ports, Source

_ALWAYS_MEANT = tuple(table for table in Table if not table.is_lookup)
"""The tables whose jobs fail with a configuration that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message.

    Attributes:
        state: The run's state as this invocation left it; None if it did not touch a run.
        reason: Why nothing was done, where nothing was.
    """

    state: RunState | None = None
    reason: str | None = None


def execute(message: Message, ports: Ports, *, limits: Limits | None = None) -> Outcome:
    """Do what a message asks for.

    Returns:
        The outcome; the message can be acknowledged.

    Raises:
        RetryLater: deliver the message again, later.
    """
    invocation = _Invocation(message, ports, limits or Limits())
    try:
        return invocation.execute()
    except RetryLater as error:
        invocation.let_go()
        invocation.emit(events.RunInterrupted(error=str(error), failures=invocation.failures))
        raise


class _Invocation:
    def __init__(self, message: Message, ports: Ports, limits: Limits) -> None:
        self._message = message
        self._ports = ports
        self._limits = limits
        self.failures = 0
        self._ledger: Ledger | None = None
        self._began = ports.clock.now()
        self._until = self._began + timedelta(seconds=limits.soft_deadline_seconds)
        self._scope = events.Scope(integration=message.integration, run_id=to_target_run(message))

    def execute(self) -> Outcome:
        try:
            return self._act(*self._weigh())
        except TakenOver as error:
            decision, _ = self._weigh()
            if decision in {Decision.START, Decision.TAKE_OVER}:  # nobody but this message may be left to go on
                raise RetryLater("another invocation wrote the state at the same time") from error
            return self._skip("taken_over")

    def let_go(self) -> None:
        """Free the lease, if it is ours: redelivery then goes on under this message."""
        if self._ledger is not None and self._ledger.state.lease_until is not None:
            with suppress(ExtractError):
                self._ledger.release()

    def _weigh(self) -> tuple[Decision, RunState | None]:
        state = self._ports.runs.fetch(self._message.integration)
        return decide(state, self._message, self._ports.clock.now(), self._limits), state

    def _act(self, decision: Decision, state: RunState | None) -> Outcome:
        if decision is Decision.START:
            return self._start(state)
        if decision is Decision.TAKE_OVER and state is not None:
            return self._take_over(state)
        if decision is Decision.SUPERSEDED:
            return self._drop("superseded", "a newer run has taken its place")
        if decision is Decision.TOO_OLD:
            hours = self._limits.max_trigger_age_hours
            return self._drop(
                "too_old", f"published over {hours:g} h ago; the next schedule or a manual run replaces it"
            )
        return self._skip(decision.name.lower())

    # --- beginnings

    def _start(self, previous: RunState | None) -> Outcome:
        """Begin a run, after closing what a dead one left behind."""
        try:
            document = self._ports.configs.fetch(self._message.integration)
        except UnknownIntegration as error:
            return self._drop("unknown_integration", str(error), error_code=error.code)
        if previous is not None and previous.finished_at is None:
            previous = self._abandon(previous)
        state = self._new_state(previous)
        try:
            integration = parse_integration(self._message.integration, document)
        except ConfigInvalid as error:
            return self._finish(self._open_ledger(replace(state, tables=_new_tables(_ALWAYS_MEANT, state, ""))), error)
        if not integration.status.runs:
            return self._skip(integration.status.lower())
        if not integration.tables:
            return self._skip("nothing_selected")
        digest = config_hash(integration)
        tables = tuple(integration.tables)
        self.emit(events.ConfigLoaded(config_hash=digest, tables=tables, warnings=integration.warnings))
        state = replace(
            state,
            document=to_document(integration),
            config_hash=digest,
            schema_hash=_hash_schemas(integration),
            tables=_new_tables(tables, state, digest),
        )
        ledger = self._open_ledger(state)
        ledger.commit()
        with suppress(NeedsPerson):  # the end of the run tells, if it stays so
            self._ports.runs.record(ledger.state)
        return self._work(ledger, integration)

    def _new_state(self, previous: RunState | None) -> RunState:
        message = self._message
        return RunState(
            integration=message.integration,
            run_id=to_target_run(message),
            trigger=message.trigger,
            published_at=message.published_at,
            started_at=self._began,
            version=previous.version if previous else None,
        )

    def _take_over(self, state: RunState) -> Outcome:
        """Go on with a run whose holder died, timed out or let go.

        Whoever takes it from a lease that has not ended calls the next hop at once. The holder may be alive, with
        another delivery of this very message; then the message is done with as soon as either of them returns, and
        the other would be left without anybody to resume its work.
        """
        self.failures = state.failures
        if is_held(state, self._began):
            return self._hand_over(self._open_ledger(state))
        ledger = self._open_ledger(
            replace(state, hop=self._message.hop, attempt=state.attempt + 1, failures=state.failures + 1)
        )
        ledger.commit()
        exhausted = self._check_exhausted(state)
        if exhausted is not None or not any(job.status is JobStatus.RUNNING for job in state.jobs):
            return self._finish(ledger, exhausted)
        try:
            integration = parse_integration(state.integration, state.document)
        except ConfigInvalid as error:  # the code was changed between two hops, and a column is gone
            return self._finish(ledger, error)
        schemas = _hash_schemas(integration)
        if schemas != state.schema_hash:  # the code was changed between two hops: rows of two schemas do not mix
            fresh = _new_tables(state.tables, state, state.config_hash)
            ended = {name: table for name, table in state.tables.items() if table.job.status is not JobStatus.RUNNING}
            ledger.state = replace(ledger.state, schema_hash=schemas, tables={**fresh, **ended})
            ledger.commit()
        return self._work(ledger, integration)

    def _check_exhausted(self, state: RunState) -> RetriesExhausted | None:
        limits, hours = self._limits, (self._began - state.started_at) / timedelta(hours=1)
        if state.failures < limits.max_failures and state.hop < limits.max_hops and hours < limits.max_run_hours:
            return None
        return RetriesExhausted(
            f"given up after {state.failures} attempts without progress, {state.hop} hops and {hours:.1f} h: "
            "see the warnings of this run in the log for what failed, then start a manual run"
        )

    def _abandon(self, state: RunState) -> RunState:
        """Close an unfinished run for good; its staging goes, so that nothing of it can be published any more."""
        error = Abandoned("left unfinished and replaced by a newer run")
        return close_run(self._open_ledger(state), self._ports, error=error)

    # --- the work

    def _work(self, ledger: Ledger, integration: Integration) -> Outcome:
        state = ledger.state
        self.emit(events.RunStarted(trigger=self._message.trigger, hop=state.hop, attempt=state.attempt))
        try:
            key = self._ports.secrets.fetch_api_key(integration.name)
        except NeedsPerson as error:
            return self._finish(ledger, error)
        interruption: RetryLater | None = None
        with closing(self._ports.open_source(integration, key, self._ports.log, self._scope)) as source:
            for table in integration.tables:
                if ledger.table(table).job.status is not JobStatus.RUNNING:
                    continue
                try:
                    if not self._advance(table, ledger, integration, source):
                        return self._hand_over(ledger)
                except RetryLater as error:
                    interruption = error
        if interruption is not None:
            raise interruption
        return self._finish(ledger)

    def _advance(self, table: Table, ledger: Ledger, integration: Integration, source: Source) -> bool:
        """Work on one table; a failure that needs a person ends its job, not the run."""
        job = TableJob(
            table,
            integration=integration,
            ledger=ledger,
            limits=self._limits,
            ports=self._ports,
            source=source,
            until=self._until,
        )
        try:
            if not job.advance():
                return False
        except NeedsPerson as error:
            fail_job(ledger, table, error, self._ports)
            ledger.commit(failures=0)
        emit_job_finished(ledger.table(table).job, self._ports)
        return True

    # --- endings

    def _hand_over(self, ledger: Ledger) -> Outcome:
        """Let go of the run, then call the next hop. A crash in between is mended by redelivery."""
        ledger.release(hop=self._message.hop + 1)
        state = ledger.state
        try:
            self._ports.continuations.publish(
                replace(self._message, trigger=Trigger.CONTINUE, run_id=state.run_id, hop=state.hop)
            )
        except NeedsPerson as error:
            return self._finish(ledger, error)
        self.emit(events.RunContinued(hop=state.hop))
        return Outcome(state=state)

    def _finish(self, ledger: Ledger, error: NeedsPerson | None = None) -> Outcome:
        return Outcome(state=close_run(ledger, self._ports, error=error))

    def _skip(self, reason: str) -> Outcome:
        self.emit(events.RunSkipped(reason=reason))
        return Outcome(reason=reason)

    def _drop(self, reason: str, detail: str, *, error_code: str | None = None) -> Outcome:
        self.emit(events.TriggerDropped(reason=reason, detail=detail, error_code=error_code))
        return Outcome(reason=reason)

    def _open_ledger(self, state: RunState) -> Ledger:
        self._ledger = Ledger(state, runs=self._ports.runs, clock=self._ports.clock, limits=self._limits)
        return self._ledger

    def emit(self, event: events.Event) -> None:
        self._ports.log.emit(self._scope, event)


def _hash_schemas(integration: Integration) -> str:
    """Hash what the selected tables will look like."""
    fields = [select(load_schema(table), config.columns) for table, config in integration.tables.items()]
    return schema_hash([field for schema in fields for field in schema])


def _new_tables(tables: Iterable[Table], state: RunState, digest: str) -> dict[Table, TableState]:
    return {
        table: TableState(
            job=Job(
                job_id=to_job_id(state.run_id, table),
                run_id=state.run_id,
                integration=state.integration,
                table=table,
                config_hash=digest,
            )
        )
        for table in tables
    }
