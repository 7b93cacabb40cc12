"""Frozen values that several parts share: identifiers, pages, chunks, the state of a run, jobs and messages.

Their methods compute from the values alone: no input, no output, no clock.
Longer than 200 lines, because all parts share these values, and most lines are fields.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NewType, Self, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

JsonValue: TypeAlias = "str | int | float | bool | Mapping[str, JsonValue] | Sequence[JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]
Document: TypeAlias = Mapping[str, object]  # a configuration document as its store returns it; may hold dates

IntegrationName = NewType("IntegrationName", str)
RunId = NewType("RunId", str)
Cursor = NewType("Cursor", str)  # where to continue; only the source that made it can read it


class Table(enum.StrEnum):
    """The tables that can be replicated. A new table needs an entry here and a file in `schemas/`, nothing else.

    Attributes:
        value: The table's name, and its path in the API.
        record_type: `type` of its records, also used for a record that has none.
        max_drop_percent: The guard's limit, unless the configuration states one.
        is_lookup: Whether it only gives names to ids of other tables. Such a table is off unless it is selected.
    """

    record_type: str
    max_drop_percent: float
    is_lookup: bool

    SATISFACTION = "satisfaction", "satisfaction", 90.0
    CONVERSATIONS = "conversations", "conversation", 10.0
    USERS = "users", "user", 50.0, True
    TEAMS = "teams", "team", 50.0, True

    def __new__(  # the values of a member, in the order above
        cls,
        value: str,
        record_type: str = "",
        max_drop_percent: float = 10.0,
        is_lookup: bool = False,  # noqa: FBT001, FBT002
    ) -> Self:
        """Make a member."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.record_type = record_type
        member.max_drop_percent = max_drop_percent
        member.is_lookup = is_lookup
        return member

    @property
    def role(self) -> str:
        """The role a key needs: https://developer.kustomer.com/docs/get-started/api-keys-and-roles, read 2026-11-23."""
        return f"org.permission.{self.record_type}.read"


class IntegrationStatus(enum.StrEnum):
    """Set by people. Only PENDING → ACTIVE is set by the function, after the first successful publish."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DELETED = "DELETED"

    @property
    def runs(self) -> bool:
        """Whether an integration in this status is extracted."""
        return self in {IntegrationStatus.PENDING, IntegrationStatus.ACTIVE}


class Trigger(enum.StrEnum):
    """Why a message was sent."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    CONTINUE = "continue"
    RETRY = "retry"  # some hours after the schedule, for tables that failed for a temporary reason


class JobStatus(enum.StrEnum):
    """The status of one table in one run. All but RUNNING are final."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Colour(enum.StrEnum):
    """The result of a run: green if no job failed, orange if some did, red if all did."""

    GREEN = "green"
    ORANGE = "orange"
    RED = "red"


class Proof(enum.StrEnum):
    """The evidence that an extract is complete."""

    TOTAL = "total"  # the API stated a number of rows, and that many were read
    NEWEST = "newest"  # the newest ids, read first from the other end of the list, were all read
    REPEATED_READING = "repeated reading"  # two readings gave the same ids
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A Kustomer API key. It appears in no `repr`, log or message."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a source knows about the completeness of an extract, up to and including one page.

    Attributes:
        expected_rows: The number of rows that the API states; None if it states none.
        proven_by: The evidence so far.
        short_pages: Pages that had fewer rows than a full page although another page follows, also when asked again.
        unreadable_rows: Rows that the API counts but does not return.
    """

    expected_rows: int | None = None
    proven_by: Proof = Proof.NONE
    short_pages: int = 0
    unreadable_rows: int = 0


class Record(NamedTuple):
    """One object of the API, as it came.

    Attributes:
        id: Its ``id``; a non-empty string or an integer, once its page was accepted.
        body: The JSON of the object: bytes, or a view of the bytes of its page.
    """

    id: JsonValue
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the source, in order.

    Attributes:
        records: The objects of the page.
        next: Where the following page starts; None after the last page.
        size_bytes: Length of the body, decompressed.
        retries: Requests that failed before this page was received.
        evidence: The evidence up to this page.
        restart: Discard everything that was read before this page: the source has started over in another way.
    """

    records: Sequence[Record]
    next: Cursor | None
    size_bytes: int
    retries: int = 0
    evidence: Evidence = Evidence()
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The values that every row of a run carries in `_batch_id` and `_batch_runtime`."""

    run_id: RunId
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The rows of consecutive pages, ready to be loaded.

    Attributes:
        name: Its staging table, unique for run, table, attempt and position.
        data: Newline-delimited JSON, as it is or as a gzip file.
        rows: Number of lines.
    """

    name: str
    data: bytes = field(repr=False)
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A chunk that is loaded into its staging table."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The staging table with all chunks of a table: the number of its rows and of their distinct ids."""

    name: str
    rows: int
    distinct_ids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """The ids that the published table has and the assembled one lacks: their number, and an even sample of them."""

    count: int = 0
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The extraction and load of one table in one run: a row of `_jobs`.

    Attributes:
        rows: Published rows without repeats; while RUNNING, the rows loaded so far.
        expected_rows, proven_by, short_pages, unreadable_rows: The source's `Evidence`, up to the last page.
        bytes: Bytes of JSON read from Kustomer.
        duplicates: Repeated rows that were removed.
        drift: Path → how often its value differed from the schema; at most 50 paths.
        custom_names: Custom attribute → number of records that have it, if `custom` is selected; at most 200 names.
        retries: Requests to Kustomer that were repeated.
        columns_added, columns_removed: Dotted paths of the columns that the published table gained and lost.
    """

    job_id: str
    run_id: RunId
    integration: IntegrationName
    table: Table
    config_hash: str
    status: JobStatus = JobStatus.RUNNING
    error_code: str | None = None
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    published_at: datetime | None = None
    rows: int = 0
    expected_rows: int | None = None
    proven_by: Proof = Proof.NONE
    pages: int = 0
    short_pages: int = 0
    unreadable_rows: int = 0
    bytes: int = 0
    duplicates: int = 0
    drift: Mapping[str, int] = field(default_factory=dict)
    custom_names: Mapping[str, int] = field(default_factory=dict)
    retries: int = 0
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()

    @property
    def minutes(self) -> float | None:
        """Minutes from start to end, to three decimals; None while it runs."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() / 60, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """The progress of one table in the current run.

    Attributes:
        cursor: The next page to read; None before the first page and after the last.
        chunks: The staged chunks, in order. No other staging table belongs to the run.
        extracted: Whether every page is in `chunks`.
    """

    job: Job
    cursor: Cursor | None = None
    chunks: tuple[Staged, ...] = ()
    extracted: bool = False

    @property
    def is_new(self) -> bool:
        """Whether no page has been read."""
        return self.cursor is None and not self.extracted

    @property
    def loaded_rows(self) -> int:
        """Rows in all chunks, repeats included."""
        return sum(chunk.rows for chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The current or last run of an integration. Every write of it is conditional on `version`.

    Attributes:
        published_at: When the message that started the run was published.
        hop: How many invocations have handed over to the next one.
        holder_hop: The hop of the message that called the holder, if it is not `hop`. An older message may take over a
            free lease; it does not change `hop`.
        attempt: Grows with every take-over; part of the names of chunks.
        failures: Take-overs since the last progress.
        lease_until: Until this time the holder counts as alive; None if nobody holds the run.
        next_delivery_due: Until this time a message of this run is expected; None while it is held or has ended.
        document: The configuration document as the first hop read it.
        version: What the store returned for the last write; None before the first. Only the store can read it.
    """

    integration: IntegrationName
    run_id: RunId
    trigger: Trigger
    published_at: datetime
    started_at: datetime
    hop: int = 0
    holder_hop: int | None = None
    attempt: int = 1
    failures: int = 0
    lease_until: datetime | None = None
    next_delivery_due: datetime | None = None
    finished_at: datetime | None = None
    document: Document = field(default_factory=dict)
    config_hash: str = ""
    schema_hash: str = ""
    tables: Mapping[Table, TableState] = field(default_factory=dict)
    version: object | None = field(default=None, compare=False)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the run, in the order of its tables."""
        return tuple(table.job for table in self.tables.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A delivered message: a trigger.

    Attributes:
        message_id: Pub/Sub's id, the same on every redelivery.
        published_at: When it was published, the same on every redelivery.
        run_id: The run to continue; None unless `trigger` is CONTINUE.
        hop: The hop to continue with; 0 unless `trigger` is CONTINUE.
    """

    integration: IntegrationName
    trigger: Trigger
    message_id: str
    published_at: datetime
    run_id: RunId | None = None
    hop: int = 0


def colour(jobs: Sequence[Job]) -> Colour:
    """Return the colour of a run with these jobs."""
    failed = sum(job.status is JobStatus.FAILED for job in jobs)
    if failed == 0:
        return Colour.GREEN
    return Colour.RED if failed == len(jobs) else Colour.ORANGE


def to_run_id(message: Message) -> RunId:
    """Return the id of the run that a message starts: ``20261123t030000z-1a2b3c4d``, the same on every redelivery."""
    end = "".join(letter for letter in message.message_id.lower() if letter.isalnum())[-8:]
    return RunId(f"{message.published_at:%Y%m%dt%H%M%Sz}-{end or '0'}")


def to_job_id(run_id: RunId, table: Table) -> str:
    """Return the id of a table's job in a run."""
    return f"{run_id}-{table}"


def to_live_name(integration: IntegrationName, table: Table) -> str:
    """Return the name of the table that people query."""
    return f"{integration}_{table}"


def to_view_name(integration: IntegrationName, table: Table) -> str:
    """Return the name of the flat view of a table."""
    return f"{to_live_name(integration, table)}_flat"


def describe_table(integration: IntegrationName, table: Table) -> str:
    """Return the description of a published table, for people who find it in a catalogue."""
    return f"Kustomer {table} of {integration}; every run of kustomer-extract replaces all rows."


def to_staging_name(state: RunState, table: Table, suffix: str | int) -> str:
    """Return a staging table's name: ``acme_conversations__20261123t030000z_1a2b3c4d__2_7``, unique to this attempt."""
    run_id = state.run_id.replace("-", "_")
    return f"{to_live_name(state.integration, table)}__{run_id}__{state.attempt}_{suffix}"
