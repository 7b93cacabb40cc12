"""What the pipeline needs from the outside, as protocols that the adapters implement.

Every method may raise `RetryLater` (temporary) or a `NeedsPerson` (final). Any other exception is a bug.
`tests/contract/` has one suite per port, which runs on every adapter.
Longer than 200 lines, because the ports are read side by side; most lines are their contracts.
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
    """Kustomer, read with the key of one organisation."""

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        """Yield the pages of a table in order, from `start` (None: the first).

        The iterator ends after the page whose `next` is None. It ends early at the time `until`; then the `next` of the
        last page says where to continue, or `start` if there was no page. No request starts after `until`.
        Closing the iterator stops all requests and threads.

        Raises:
            KeyRejected, RoleMissing, Truncated, BrokenPage: final.
            RetryLater: Kustomer cannot be reached now.
        """

    def read_ahead(self, table: Table, *, until: datetime) -> None:
        """Begin with a table, from its first page, while another one is worked on. `iter_pages` goes on from there.

        It raises nothing. The first pages wait in memory; `iter_pages` reads again what waited for long or failed.
        """

    def find_existing(self, table: Table, ids: Sequence[str], *, until: datetime) -> frozenset[str]:
        """Return which of these ids, at most 20, Kustomer still has.

        Raises:
            KeyRejected, RoleMissing, BrokenPage: final.
            RetryLater: Kustomer cannot be reached now, or not before `until`.
        """

    def close(self) -> None:
        """Close all connections."""


class SourceFactory(Protocol):
    """Opens a `Source` once the configuration and the key are known."""

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> Source:
        """Build the source. It connects at its first request; `log` gets its events."""


class Load(Protocol):
    """A load that was started."""

    def wait(self, *, until: datetime) -> Staged:
        """Wait until the load has ended.

        Raises:
            RowRejected: a row does not fit the schema; no row of the chunk is staged.
            RetryLater: it failed for a temporary reason, or still runs at `until`.
        """


class Warehouse(Protocol):
    """BigQuery, or a DuckDB file."""

    def begin_load(self, chunk: Chunk, schema: Sequence[Field]) -> Load:
        """Start to load a chunk into the staging table of its name, replacing its rows. Idempotent by name."""

    def assemble(self, name: str, chunks: Sequence[Staged], schema: Sequence[Field]) -> Assembled:
        """Copy all chunks into the staging table `name`, replacing it, and count. Without chunks it is empty."""

    def deduplicate(self, name: str, assembled: Assembled, schema: Sequence[Field]) -> Assembled:
        """Fill the staging table `name` with one row per id: that with the latest `updatedAt`, if it is selected."""

    def locate(self, integration: IntegrationName, table: Table) -> str:
        """Return the name of the live table as used in a query. Sends no request."""

    def count_published(self, integration: IntegrationName, table: Table) -> int | None:
        """Return the number of rows of the live table; None if there is no table."""

    def count_older(self, integration: IntegrationName, table: Table, *, created_before: datetime) -> int:
        """Count the rows of the live table that were created before; 0 if the table has no time of creation."""

    def fetch_published_columns(self, integration: IntegrationName, table: Table) -> frozenset[str] | None:
        """Return the dotted paths of all columns of the live table; None if there is no table."""

    def sample_vanished(
        self,
        assembled: Assembled,
        integration: IntegrationName,
        table: Table,
        *,
        limit: int,
        created_since: datetime | None,
    ) -> Vanished:
        """Find ids of the live table that the assembled one lacks; with `created_since` only those created since then.

        Finds none if there is no live table, or if it has no time of creation although one is needed.

        Raises:
            RetryLater: also if the staged table is gone, because another invocation has ended this run.
        """

    def publish(self, assembled: Assembled, job: Job, schema: Sequence[Field]) -> None:
        """Replace the live table with the staged one, atomically. Idempotent by run, table and columns.

        Raises:
            WarehouseRefused: the live table is a view, carries policy tags, or may not be written.
        """

    def put_view(self, view: FlatView, integration: IntegrationName, schema: Sequence[Field]) -> None:
        """Create or replace the flat view of a live table, with the descriptions of its columns.

        Raises:
            WarehouseRefused: a table has its name.
        """

    def drop_view(self, integration: IntegrationName, table: Table) -> None:
        """Drop the flat view, if there is one."""

    def measure_durations(self, integration: IntegrationName, table: Table, schema: Sequence[Field]) -> Measured:
        """Count the rows of the live table that show Kustomer's unit of duration."""

    def drop(self, names: Sequence[str]) -> None:
        """Drop staging tables. A table that is already gone is not an error."""

    def append_jobs(self, jobs: Sequence[Job]) -> None:
        """Write the jobs of a run into `_jobs`. Idempotent by `job_id`."""

    def fetch_jobs(self, integration: IntegrationName | None, *, limit: int) -> Sequence[Job]:
        """Return the last `limit` jobs, newest first; those of all integrations if None."""


class ConfigStore(Protocol):
    """Where people edit the configuration document."""

    def list_names(self) -> Sequence[IntegrationName]:
        """Return the names of all integrations, sorted."""

    def fetch(self, integration: IntegrationName) -> Document:
        """Return the raw document; `config.parse_integration` reads it.

        Raises:
            UnknownIntegration: there is no such document.
        """

    def locate(self, integration: IntegrationName) -> str:
        """Return where a person finds the document. Sends no request."""

    def activate(self, integration: IntegrationName) -> None:
        """Set `status` to ACTIVE if it is PENDING and the document is unchanged since `fetch`."""

    def record_last_run(self, integration: IntegrationName, last_run: Mapping[str, object]) -> None:
        """Write the field `_last_run` of the document and nothing else. A deleted document is not created again."""


class RunStore(Protocol):
    """The run state: one document per integration. Every write is conditional on the last one."""

    def fetch(self, integration: IntegrationName) -> RunState | None:
        """Return the state; None before the first run.

        Raises:
            StateUnreadable: the stored state cannot be read.
        """

    def set_aside(self, integration: IntegrationName) -> str:
        """Move an unreadable state away, so that there is no state any more; return its new place.

        Raises:
            TakenOver: another invocation has written it meanwhile.
        """

    def save(self, state: RunState) -> RunState:
        """Write the state if the stored one still has `state.version` (None: if there is none); return the new version.

        Raises:
            TakenOver: another invocation has written it since.
        """

    def record(self, state: RunState) -> None:
        """Write the run document, which people see in the console. Idempotent by run.

        An unfinished run only creates the document, so that a late write does not replace that of the finished run.
        """


class SecretStore(Protocol):
    """Where the API keys are."""

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Return the current key without surrounding white space.

        Raises:
            SecretUnavailable: it is missing, disabled, empty or not permitted; the message has the command that helps.
        """


class Continuations(Protocol):
    """Sends the message that starts the next hop."""

    def publish(self, message: Message) -> None:
        """Publish the message to the trigger topic."""


class EventLog(Protocol):
    """The log."""

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event. Raises nothing."""


class Clock(Protocol):
    """The time; tests use their own clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All ports that an invocation uses; `bootstrap` builds them."""

    clock: Clock
    configs: ConfigStore
    continuations: Continuations
    log: EventLog
    open_source: SourceFactory
    runs: RunStore
    secrets: SecretStore
    warehouse: Warehouse
