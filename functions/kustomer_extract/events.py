"""The log catalogue: one frozen class per event, with its fields, its sentence and its severity.

The names and fields are an interface: saved queries, metrics, alerts and the dashboard hold on to them.
An event never carries a payload, a key or a header; ids, counts, names and times only.
`docs/log-events.md` is generated from this module.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

from kustomer_extract.models import Colour, IntegrationName, JobStatus, RunId, Table, Trigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Severity(enum.StrEnum):
    """Cloud Logging's names, as far as they are used."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What an event is about; each part becomes a label of the log entry."""

    integration: IntegrationName
    run_id: RunId | None = None
    table: Table | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of the catalogue."""

    name: ClassVar[str]

    @property
    def severity(self) -> Severity:
        """INFO unless the outcome says otherwise."""
        return Severity.INFO

    @property
    def sentence(self) -> str:
        """One line for a person: what happened and, where something is wrong, what to do."""
        raise NotImplementedError

    @property
    def fields(self) -> dict[str, object]:
        """The event's own fields, those without a value left out."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """An invocation took the run and begins to work on it."""

    name = "run_started"
    trigger: Trigger
    hop: int
    attempt: int

    @property
    def sentence(self) -> str:
        """Name the invocation."""
        return f"run started by {self.trigger} (hop {self.hop}, attempt {self.attempt})"


@dataclass(frozen=True, kw_only=True)
class ConfigLoaded(Event):
    """The configuration document was read and is valid; `warnings` are console habits that were read kindly."""

    name = "config_loaded"
    config_hash: str
    tables: Sequence[Table]
    warnings: Sequence[str] = ()

    @property
    def severity(self) -> Severity:
        """WARNING if something was read kindly."""
        return Severity.WARNING if self.warnings else Severity.INFO

    @property
    def sentence(self) -> str:
        """List the tables and the warnings."""
        text = f"configuration {self.config_hash}: {', '.join(self.tables)}"
        return f"{text}; {'; '.join(self.warnings)}" if self.warnings else text


@dataclass(frozen=True, kw_only=True)
class RunSkipped(Event):
    """Nothing was to be done: `paused`, `deleted`, `nothing_selected`, `already_running`, `taken_over` or the like."""

    name = "run_skipped"
    reason: str

    @property
    def sentence(self) -> str:
        """Give the reason."""
        return f"run skipped: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class TriggerDropped(Event):
    """A message led to no run: `too_old`, `superseded`, `unreadable` or `unknown_integration`."""

    name = "trigger_dropped"
    reason: str
    detail: str = ""
    error_code: str | None = None

    @property
    def severity(self) -> Severity:
        """INFO where a newer run has taken its place, else ERROR: somebody expects a run."""
        return Severity.INFO if self.reason == "superseded" else Severity.ERROR

    @property
    def sentence(self) -> str:
        """Give the reason and the detail."""
        return f"trigger dropped, {self.reason}: {self.detail}" if self.detail else f"trigger dropped: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class RunContinued(Event):
    """Time was up, or the run was taken from a holder that gave no sign of its end: the next hop has been called."""

    name = "run_continued"
    hop: int

    @property
    def sentence(self) -> str:
        """Name the next hop."""
        return f"the state is saved, hop {self.hop} goes on from here"


@dataclass(frozen=True, kw_only=True)
class RunInterrupted(Event):
    """A transient failure: the message is left for redelivery, which goes on where this stopped."""

    name = "run_interrupted"
    error: str
    failures: int

    @property
    def severity(self) -> Severity:
        """WARNING: it mends itself, or ends as an ERROR after too many failures."""
        return Severity.WARNING

    @property
    def sentence(self) -> str:
        """Say what failed and how often."""
        return f"interrupted, will be tried again ({self.failures} time(s) without progress): {self.error}"


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The run's closing line."""

    name = "run_finished"
    colour: Colour
    tables: Mapping[str, str]
    rows: int
    hops: int
    elapsed_seconds: float
    error: str | None = None

    @property
    def severity(self) -> Severity:
        """ERROR if a job failed, or if the run could not be recorded."""
        return Severity.INFO if self.colour is Colour.GREEN and not self.error else Severity.ERROR

    @property
    def sentence(self) -> str:
        """Sum up the run."""
        tables = ", ".join(f"{table} {status}" for table, status in self.tables.items())
        text = f"run finished {self.colour} in {self.elapsed_seconds:.1f} s: {tables}; {self.rows} rows"
        return f"{text}; {self.error}" if self.error else text


@dataclass(frozen=True, kw_only=True)
class JobStarted(Event):
    """The extraction of a table begins, or goes on at `cursor`."""

    name = "job_started"
    job_id: str
    resumed: bool

    @property
    def sentence(self) -> str:
        """Say whether it is a new start."""
        return f"job {self.job_id} {'goes on' if self.resumed else 'started'}"


@dataclass(frozen=True, kw_only=True)
class PageRead(Event):
    """A page came by: what a progress bar moves with. Not written to Cloud Logging."""

    name = "page_read"
    rows: int
    pages: int

    @property
    def severity(self) -> Severity:
        """DEBUG: one per hundred rows is too much for a log."""
        return Severity.DEBUG

    @property
    def sentence(self) -> str:
        """Count."""
        return f"{self.rows} rows read from {self.pages} pages"


@dataclass(frozen=True, kw_only=True)
class ChunkLoaded(Event):
    """A chunk lies in its staging table and in the run's state."""

    name = "chunk_loaded"
    chunk: str
    chunk_rows: int
    rows: int
    pages: int

    @property
    def sentence(self) -> str:
        """Count the rows so far."""
        return f"{self.rows} rows staged from {self.pages} pages"


@dataclass(frozen=True, kw_only=True)
class RateLimited(Event):
    """Kustomer answered 429; requests pause."""

    name = "rate_limited"
    wait_seconds: float
    limit: int | None = None
    remaining: int | None = None

    @property
    def severity(self) -> Severity:
        """WARNING: other users of the organisation's budget may feel it."""
        return Severity.WARNING

    @property
    def sentence(self) -> str:
        """Say for how long."""
        return (
            f"Kustomer's rate limit is reached, waiting {self.wait_seconds:.1f} s; lower rate_share if this is frequent"
        )


@dataclass(frozen=True, kw_only=True)
class DriftFound(Event):
    """Values that the schema does not know or that do not fit; they are in the rows' `_rescued` column."""

    name = "drift_found"
    paths: Mapping[str, int]

    @property
    def severity(self) -> Severity:
        """WARNING: nothing is lost, but typed columns are."""
        return Severity.WARNING

    @property
    def sentence(self) -> str:
        """Name the first paths."""
        shown = ", ".join(f"{path} ({count})" for path, count in list(self.paths.items())[:5])
        return f"{len(self.paths)} path(s) differ from the schema and went to _rescued: {shown}"


@dataclass(frozen=True, kw_only=True)
class GuardRefusal(Event):
    """The guard kept the published table, because the new one is much smaller."""

    name = "guard_refused"
    rows: int
    published_rows: int
    max_drop_percent: float

    @property
    def severity(self) -> Severity:
        """ERROR: a person decides."""
        return Severity.ERROR

    @property
    def sentence(self) -> str:
        """Compare the counts."""
        return (
            f"refused: {self.rows} rows would replace {self.published_rows}, a drop of over {self.max_drop_percent} %"
        )


@dataclass(frozen=True, kw_only=True)
class TablePublished(Event):
    """Readers see the new rows."""

    name = "table_published"
    name_in_warehouse: str
    rows: int
    replaced_rows: int | None = None

    @property
    def sentence(self) -> str:
        """Count the rows."""
        return f"{self.name_in_warehouse} now has {self.rows} rows"


@dataclass(frozen=True, kw_only=True)
class JobFinished(Event):
    """The closing line of a table: all that `_jobs` will say of it."""

    name = "job_finished"
    job_id: str
    status: JobStatus
    rows: int
    pages: int
    bytes: int
    duplicates: int
    retries: int
    drift_paths: int
    minutes: float
    error_code: str | None = None
    error: str | None = None

    @property
    def severity(self) -> Severity:
        """ERROR if it failed."""
        return Severity.ERROR if self.status is JobStatus.FAILED else Severity.INFO

    @property
    def sentence(self) -> str:
        """Sum up the job, or say what to do."""
        if self.error:
            return f"job {self.status}, {self.error_code}: {self.error}"
        return f"job {self.status}: {self.rows} rows from {self.pages} pages in {self.minutes:.1f} min"


CATALOGUE: tuple[type[Event], ...] = tuple(Event.__subclasses__())
"""Every event there is, in the order of this file."""
