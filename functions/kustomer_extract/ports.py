"""What the pipeline needs from the outside, in its own words. Adapters implement these; nothing here does anything.

All methods may raise `RetryLater` (transient) or a `NeedsPerson` (final); nothing else but bugs.
`tests/contract/` holds one suite per port, run on every adapter.
Longer than 200 lines, because the ports are read side by side; most lines are their promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from datetime import datetime

    from kustomer_extract.config import Integration
    from kustomer_extract.events import Event, Scope
    from kustomer_extract.models import (
        ApiKey,
        Assembled,
        Chunk,
        Cursor,
        Document,
        IntegrationName,
        Job,
        Message,
        Page,
        RunState,
        Staged,
        Table,
        Vanished,
    )
    from kustomer_extract.schema import Field
    from kustomer_extract.views import FlatView, Measured


class Source(Protocol):
    """Kustomer, with one organisation's key."""

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        """Yield the pages of a table in order, from `start` (None: the first).

        Ends after the page whose `next` is None, or early when `until` has come: then the last page's `next` says
        where to go on, and if there was no page, `start` does. No request starts after `until`.
        Closing the iterator stops all requests and threads.

        Raises:
            KeyRejected, RoleMissing, Truncated, BrokenPage: final.
            RetryLater: Kustomer cannot be reached for now.
        """

    def find_existing(self, table: Table, ids: Sequence[str], *, until: datetime) -> frozenset[str]:
        """Look up by id which of a few records, at most 20, Kustomer still has.

        Raises:
            KeyRejected, RoleMissing, BrokenPage: final.
            RetryLater: Kustomer cannot be reached for now, or not before `until`.
        """

    def close(self) -> None:
        """Let go of all connections."""


class SourceFactory(Protocol):
    """Opens a `Source` once the configuration and the key are known."""

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> Source:
        """Connect nothing yet; `log` gets `rate_limited`."""


class Load(Protocol):
    """A load that has begun."""

    def wait(self, *, until: datetime) -> Staged:
        """Wait for its end.

        Raises:
            RowRejected: a row does not fit the schema; nothing of the chunk is staged.
            RetryLater: it failed for now, or is still running at `until`.
        """


class Warehouse(Protocol):
    """BigQuery, or a DuckDB file."""

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> Load:
        """Start loading a chunk into the staging table of its name, replacing what is there. Idempotent by name."""

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Put all chunks into the staging table `name`, replacing it, and count. No chunks: an empty table."""

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:
        """Fill the staging table `name` with one row per id of `assembled`: the latest `updatedAt`, if selected."""

    def locate(self, integration: IntegrationName, table: Table) -> str:
        """Write the name of the live table as a query does. Asks nobody."""

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        """Rows of the live table; None if there is none."""

    def count_older(self, integration: IntegrationName, table: Table, *, created_before: datetime) -> int:
        """Count the rows of the live table that say they were created before; 0 where they do not say."""

    def fetch_published_columns(self, integration: IntegrationName, table: Table) -> frozenset[str] | None:
        """Dotted paths of all columns of the live table, at any depth; None if there is no table."""

    def sample_vanished(
        self,
        assembled: Assembled,
        integration: IntegrationName,
        table: Table,
        *,
        limit: int,
        created_since: datetime | None,
    ) -> Vanished:
        """Find ids of the live table that the assembled one lacks: of records created since then, if it is given.

        None if there is no live table, or if it does not say when a record was created.

        Raises:
            RetryLater: also if the staged table is gone: somebody else has ended this run.
        """

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        """Replace the live table by the staged one, atomically. Idempotent by run, table and columns.

        Raises:
            WarehouseRefused: the live table is a view, carries policy tags, or may not be written.
        """

    def put_view(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Make the flat view beside a live table, or put it in the place of an earlier one, with its descriptions.

        Raises:
            WarehouseRefused: a table has its name.
        """

    def drop_view(self, integration: IntegrationName, table: Table) -> None:
        """Drop the flat view; if there is none, do nothing."""

    def measure_durations(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows of the live table that tell Kustomer's unit of duration."""

    def drop(self, names: Sequence[str]) -> None:
        """Drop staging tables; those that are gone already are no error."""

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        """Write the jobs of a run into `_jobs`. Idempotent by `job_id`."""

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        """The last `limit` jobs, newest first; of all integrations if None."""


class ConfigStore(Protocol):
    """Where people edit the configuration document."""

    def list_names(self) -> Sequence[IntegrationName]:
        """All integrations, sorted."""

    def fetch(self, integration: IntegrationName) -> Document:
        """Read the document, raw; `config.parse_integration` makes sense of it.

        Raises:
            UnknownIntegration: there is none.
        """

    def locate(self, integration: IntegrationName) -> str:
        """Say where a person finds the document. Asks nobody."""

    def activate(self, integration: IntegrationName) -> None:
        """Set `status: ACTIVE` if it is PENDING and unchanged since `fetch`; else do nothing."""

    def record_last_run(self, integration: IntegrationName, last_run: Mapping[str, object]) -> None:
        """Write the document's field `_last_run`, and no other; a document that is gone stays gone."""


class RunStore(Protocol):
    """The run state: one document per integration, every write conditional on the last."""

    def fetch(self, integration: IntegrationName) -> RunState | None:
        """Read the state; None before the first run.

        Raises:
            StateUnreadable: nobody can make sense of what is stored.
        """

    def set_aside(self, integration: IntegrationName) -> str:
        """Put the state that cannot be read elsewhere, so that there is none any more; say where it is now.

        Raises:
            TakenOver: somebody else has written it meanwhile.
        """

    def save(self, state: RunState) -> RunState:
        """Write the state if it is unchanged since `state.version` (None: if there is none), as a new version.

        Raises:
            TakenOver: somebody else has written it since.
        """

    def record(self, state: RunState) -> None:
        """Write the run document, which people see in the console. Idempotent by run.

        That of a run that is not finished only begins it: who stalls in between does not undo the end.
        """


class SecretStore(Protocol):
    """Where the API keys are."""

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Read the current key, stripped of white space.

        Raises:
            SecretUnavailable: missing, disabled, empty or not permitted; the message says which command cures it.
        """


class Continuations(Protocol):
    """Calls the next hop."""

    def publish(self, message: Message) -> None:
        """Send the message to the trigger topic."""


class EventLog(Protocol):
    """Where events go."""

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event. Never raises."""


class Clock(Protocol):
    """Time, so that tests can make their own."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything an invocation works with; `bootstrap` builds it."""

    clock: Clock
    configs: ConfigStore
    continuations: Continuations
    log: EventLog
    open_source: SourceFactory
    runs: RunStore
    secrets: SecretStore
    warehouse: Warehouse
