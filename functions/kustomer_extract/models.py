"""Frozen values that cross module borders: identifiers, pages, chunks, the state of a run, jobs and messages.

No behaviour beyond what follows from the values themselves; no input, no output, no clock.
Longer than 200 lines, because all borders share these values, and most lines are fields.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NewType, Self, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

JsonValue: TypeAlias = "str | int | float | bool | Mapping[str, JsonValue] | Sequence[JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]
Document: TypeAlias = Mapping[str, object]  # a configuration document, as its store delivers it: dates and all

IntegrationName = NewType("IntegrationName", str)
RunId = NewType("RunId", str)
Cursor = NewType("Cursor", str)  # where to go on; opaque to everyone but the source that made it


class Table(enum.StrEnum):
    """What can be replicated. A table is an entry here and a file in `schemas/`; all else follows from the two.

    Attributes:
        value: The table's name, and its path in the API.
        record_type: `type` of its records; it stands in where a record has none.
        max_drop_percent: The guard's limit, where the configuration states none.
        is_lookup: It only names ids of other tables, and is off unless it is selected.
    """

    record_type: str
    max_drop_percent: float
    is_lookup: bool

    SATISFACTION = "satisfaction", "satisfaction", 90.0
    CONVERSATIONS = "conversations", "conversation", 10.0
    USERS = "users", "user", 50.0, True
    TEAMS = "teams", "team", 50.0, True

    def __new__(  # what stands above, in its order
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
        """What a key needs: https://developer.kustomer.com/docs/get-started/api-keys-and-roles, read 2026-11-23."""
        return f"org.permission.{self.record_type}.read"


class IntegrationStatus(enum.StrEnum):
    """Set by people, but for PENDING → ACTIVE, which the first successful publish sets."""

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
    RETRY = "retry"  # hours after the schedule: of the last run, what time may have cured


class JobStatus(enum.StrEnum):
    """Where one table of one run stands; all but RUNNING are final."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


class Colour(enum.StrEnum):
    """A run at a glance: green, none of its jobs failed; orange, some; red, all."""

    GREEN = "green"
    ORANGE = "orange"
    RED = "red"


class Proof(enum.StrEnum):
    """What shows that an extract is whole."""

    TOTAL = "total"  # the API stated how many rows there are, and as many came
    NEWEST = "newest"  # the newest ids, read from the other end before, came by
    REPEATED_READING = "repeated reading"  # two readings agree
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A Kustomer API key. Never in a `repr`, a log or a message."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a source knows of an extract's completeness, up to the page that carries it.

    Attributes:
        expected_rows: How many rows the API says there are; None where it does not say.
        short_pages: Pages that stayed short though another follows, and were believed.
        unreadable_rows: Rows that the API counts but does not hand out.
    """

    expected_rows: int | None = None
    proven_by: Proof = Proof.NONE
    short_pages: int = 0
    unreadable_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the source, in order.

    Attributes:
        records: The objects of the page, each with a non-empty ``id``.
        next: Where the following page starts; None after the last one.
        size_bytes: Length of the body, decompressed.
        retries: Requests that failed before this page came.
        evidence: The sum up to this page.
        restart: Everything read before this page is void: the source begins anew in another way.
    """

    records: Sequence[JsonObject]
    next: Cursor | None
    size_bytes: int
    retries: int = 0
    evidence: Evidence = Evidence()
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What every row of a run carries: `_batch_id` and `_batch_runtime`."""

    run_id: RunId
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The rows of consecutive pages, ready to be loaded.

    Attributes:
        name: Its staging table, unique for run, table, attempt and position.
        data: gzip-compressed newline-delimited JSON.
        rows: Number of lines in `data`.
    """

    name: str
    data: bytes = field(repr=False)
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A chunk that the warehouse holds."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """All chunks of a table in one staging table: its rows, and how many different ids they have."""

    name: str
    rows: int
    distinct_ids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """Ids that the published table has and an assembled one lacks: how many, and some of them, spread evenly."""

    count: int = 0
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Extract and load of one table in one run: a line of `_jobs`.

    Attributes:
        rows: Rows published (loaded so far while RUNNING), repeats removed.
        expected_rows, proven_by, short_pages, unreadable_rows: The source's `Evidence`, up to the last page.
        bytes: Bytes of JSON read from Kustomer.
        duplicates: Repeats that were removed.
        drift: How often each path held something the schema does not; at most 50 paths.
        custom_names: How many records had each custom attribute, where `custom` is selected; at most 200 names.
        retries: Requests to Kustomer that had to be repeated.
        columns_added, columns_removed: Dotted paths by which the published table's columns changed.
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
    """How far a table of the current run has come.

    Attributes:
        cursor: The next page to ask for; None before the first and after the last.
        chunks: What is staged, in order. Only these count.
        extracted: Every page is in `chunks`.
        loaded_rows: Rows in `chunks`, repeats included.
    """

    job: Job
    cursor: Cursor | None = None
    chunks: tuple[Staged, ...] = ()
    extracted: bool = False

    @property
    def loaded_rows(self) -> int:
        """Rows in all chunks, repeats included."""
        return sum(chunk.rows for chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The current (or last) run of an integration; every write of it is conditional on `version`.

    Attributes:
        published_at: When the message that started the run was published.
        hop: Invocations that handed over to the next, so far.
        holder_hop: Hop of the message that the holder was called by, where it is not `hop`: an older message may take
            over when the lease is free, and leaves the number of hops as it is.
        attempt: Grows at every take-over; part of the names of chunks.
        failures: Take-overs since the last progress.
        lease_until: Until when the holder is taken to be alive; None when it let go.
        next_delivery_due: Until when a message of this run is waited for; None while it is held, or has ended.
        document: The configuration document as the first hop read it.
        version: What the store returned for the last write; None before the first. Opaque.
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
    """A trigger, as it was delivered.

    Attributes:
        message_id: Pub/Sub's id: the same on every redelivery.
        published_at: When it was published: the same on every redelivery.
        run_id: Of the run to continue; None unless `trigger` is CONTINUE.
        hop: The hop to continue with; 0 unless `trigger` is CONTINUE.
    """

    integration: IntegrationName
    trigger: Trigger
    message_id: str
    published_at: datetime
    run_id: RunId | None = None
    hop: int = 0


def colour(jobs: Sequence[Job]) -> Colour:
    """Sum up the jobs of a run."""
    failed = sum(job.status is JobStatus.FAILED for job in jobs)
    if failed == 0:
        return Colour.GREEN
    return Colour.RED if failed == len(jobs) else Colour.ORANGE


def to_run_id(message: Message) -> RunId:
    """Name the run that a message starts: ``20261123t030000z-1a2b3c4d``, the same on every redelivery."""
    end = "".join(letter for letter in message.message_id.lower() if letter.isalnum())[-8:]
    return RunId(f"{message.published_at:%Y%m%dt%H%M%Sz}-{end or '0'}")


def to_job_id(run_id: RunId, table: Table) -> str:
    """Name the job of a table in a run."""
    return f"{run_id}-{table}"


def to_live_name(integration: IntegrationName, table: Table) -> str:
    """Name the table that people query."""
    return f"{integration}_{table}"


def to_view_name(integration: IntegrationName, table: Table) -> str:
    """Name the flat view beside it."""
    return f"{to_live_name(integration, table)}_flat"


def describe_table(integration: IntegrationName, table: Table) -> str:
    """Say what a published table is, to those who find it in a catalogue."""
    return f"Kustomer {table} of {integration}; every run of kustomer-extract replaces all rows."


def to_staging_name(state: RunState, table: Table, suffix: str | int) -> str:
    """Name a staging table: ``acme_conversations__20261123t030000z_1a2b3c4d__2_7``, unique to this attempt."""
    run_id = state.run_id.replace("-", "_")
    return f"{to_live_name(state.integration, table)}__{run_id}__{state.attempt}_{suffix}"
