"""Every log event: one frozen class each, with its name, its severity, its sentence and its fields.

Names and fields are an interface: saved queries, metrics, alerts and the dashboard depend on them.
An event has ids, counts, names and times only, and never a payload, a key or a header.
`docs/log-events.md` is generated from this module.
Longer than 200 lines, because it lists all events.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import ClassVar, dataclass_transform

from kustomer_extract.models import Colour, IntegrationName, JobStatus, Proof, RunId, Table, Trigger

_SHOWN = 5  # names that a sentence lists; the field has all of them


class Severity(enum.StrEnum):
    """The names of Cloud Logging that are used here."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The subject of an event. Each part becomes a label of the log entry."""

    integration: IntegrationName
    run_id: RunId | None = None
    table: Table | None = None


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Event:
    """Base class of all events. A subclass is a frozen dataclass with the fields of its event.

    Attributes:
        name: The name that people search for.
        template: The parts of the sentence, with fields in braces. A part whose field is empty is left out.
    """

    name: ClassVar[str]
    template: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        """Make it a dataclass."""
        dataclass(frozen=True, kw_only=True)(cls)

    @property
    def severity(self) -> Severity:
        """INFO."""
        return Severity.INFO

    @property
    def sentence(self) -> str:
        """One line for a person: what happened and, if something is wrong, what to do."""
        words = {name: _to_words(value) for name, value in vars(self).items()}
        parts = (part for part in self.template if all(words[name] != "" for name in _names(part)))
        return "".join(part.format(**words) for part in parts)

    @property
    def fields(self) -> dict[str, object]:
        """The fields of the event that have a value."""
        return {name: value for name, value in vars(self).items() if value is not None}


def _to_words(value: object) -> object:
    """Convert a value for a sentence: lists are shortened, and None becomes an empty text."""
    if isinstance(value, Mapping):
        value = [f"{key} ({item})" for key, item in value.items()]
    if value is None or isinstance(value, str) or not isinstance(value, Sequence):
        return "" if value is None else value
    rest = len(value) - _SHOWN
    return ", ".join(map(str, value[:_SHOWN])) + (f" and {rest} more" if rest > 0 else "")


def _names(part: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(part) if name]


class RunStarted(Event):
    """An invocation holds the run and starts to work on it."""

    name = "run_started"
    template = ("run started by {trigger} (hop {hop}, attempt {attempt})",)
    trigger: Trigger
    hop: int
    attempt: int


class ConfigLoaded(Event):
    """The configuration document is valid; `warnings` name values that were corrected while reading."""

    name = "config_loaded"
    template = ("configuration {config_hash}: {tables}", "; {warnings}")
    config_hash: str
    tables: Sequence[Table]
    warnings: Sequence[str] = ()

    @property
    def severity(self) -> Severity:
        """WARNING if there are warnings."""
        return Severity.WARNING if self.warnings else Severity.INFO


class RunSkipped(Event):
    """There was nothing to do: `paused`, `deleted`, `nothing_selected`, `already_running`, `taken_over` or the like."""

    name = "run_skipped"
    template = ("run skipped: {reason}",)
    reason: str


class TriggerDropped(Event):
    """A message led to no run: `too_old`, `superseded`, `unreadable` or `unknown_integration`."""

    name = "trigger_dropped"
    template = ("trigger dropped, {reason}", ": {detail}")
    reason: str
    detail: str = ""
    error_code: str | None = None

    @property
    def severity(self) -> Severity:
        """INFO if a newer run has taken its place, else ERROR: somebody expects a run."""
        return Severity.INFO if self.reason == "superseded" else Severity.ERROR


class StateSetAside(Event):
    """This release cannot read the stored state of the last run. A copy is kept, and a new run begins."""

    name = "state_set_aside"
    severity = Severity.ERROR
    template = (
        "{error}; it was moved to {where}, and a new run begins.",
        " After going back to an older version this is expected; otherwise please report it with that document",
    )
    error: str
    where: str


class RunContinued(Event):
    """The next hop was called: time was up, or the run was taken from a holder that may still be alive."""

    name = "run_continued"
    template = ("the state is saved, hop {hop} goes on from here",)
    hop: int


class RunInterrupted(Event):
    """A temporary failure. Redelivery continues from here; if it fails too often, an ERROR follows."""

    name = "run_interrupted"
    severity = Severity.WARNING
    template = ("interrupted, will be tried again ({failures} time(s) without progress): {error}",)
    error: str
    failures: int


class RunFinished(Event):
    """The run has ended."""

    name = "run_finished"
    template = ("run finished {colour} in {elapsed_seconds:.1f} s: {tables}; {rows} rows", "; {error}")
    colour: Colour
    tables: Mapping[str, str]
    rows: int
    hops: int
    elapsed_seconds: float
    error: str | None = None
    has_second_chance: bool = False

    @property
    def severity(self) -> Severity:
        """ERROR if a job failed or a record is missing; WARNING if the trigger `retry` will run all failed jobs."""
        if self.error or (self.colour is not Colour.GREEN and not self.has_second_chance):
            return Severity.ERROR
        return Severity.INFO if self.colour is Colour.GREEN else Severity.WARNING


class JobStarted(Event):
    """The extraction of a table starts, or continues where it stopped."""

    name = "job_started"
    job_id: str
    resumed: bool

    @property
    def sentence(self) -> str:
        """Say whether the job starts or continues."""
        return f"job {self.job_id} {'goes on' if self.resumed else 'started'}"


class PageRead(Event):
    """A page was read; the progress bar uses this. It is not written to Cloud Logging, because there are too many."""

    name = "page_read"
    severity = Severity.DEBUG
    template = ("{rows} rows read from {pages} pages",)
    rows: int
    pages: int
    expected_rows: int | None = None


class ChunkLoaded(Event):
    """A chunk is in its staging table, and the run's state says so."""

    name = "chunk_loaded"
    template = ("{rows} rows staged from {pages} pages",)
    chunk: str
    chunk_rows: int
    rows: int
    pages: int


class RateLimited(Event):
    """Kustomer answered 429, so requests pause. Other users of the organisation's limit may be affected, too."""

    name = "rate_limited"
    severity = Severity.WARNING
    template = ("Kustomer's rate limit is reached, waiting {wait_seconds:.1f} s; lower rate_share if this is frequent",)
    wait_seconds: float
    limit: int | None = None
    remaining: int | None = None


class RateAssumed(Event):
    """No answer states a rate limit, so one is assumed. Logged once per run."""

    name = "rate_assumed"
    template = (
        (
            "no answer states a rate limit: {limit} requests a minute are assumed. If your plan allows more, set "
            "requests_per_minute in the configuration"
        ),
    )
    limit: int


class TimelessUnanswered(Event):
    """Search fails on the question for conversations without a time of creation, and on no other: they are left out."""

    name = "timeless_unanswered"
    severity = Severity.WARNING
    template = (
        (
            "the search fails when it is asked for conversations without a time of creation ({reason}): if there are "
            "any, they are left out of this run"
        ),
    )
    reason: str


class Waiting(Event):
    """The run waits for something other than the rate limit."""

    name = "waiting"
    template = ("waiting {wait_seconds:.1f} s: {reason}",)
    reason: str
    wait_seconds: float


class DriftFound(Event):
    """Values are unknown to the schema or do not fit it. They were converted, or they are in the `_rescued` column."""

    name = "drift_found"
    severity = Severity.WARNING
    template = ("values differ from the schema; they were converted or are in _rescued: {paths}",)
    paths: Mapping[str, int]


class ExtractUnproven(Event):
    """Nothing shows that the extract is complete, or a part of it could not be read. It is published in any case."""

    name = "extract_unproven"
    severity = Severity.WARNING
    template = (
        "completeness is proven by: {proven_by}",
        "; {rows} of {expected_rows} rows that the search counts were read ({percent} %)",
        "; {short_pages} pages had fewer rows than they should, also when read again",
        "; Kustomer counts {unreadable_rows} rows that it does not return",
    )
    proven_by: Proof
    rows: int | None = None
    expected_rows: int | None = None
    percent: float | None = None
    short_pages: int | None = None
    unreadable_rows: int | None = None


class RowsVanished(Event):
    """Published rows are no longer listed; nobody knows how to ask Kustomer for one of them, so they may be deleted."""

    name = "rows_vanished"
    severity = Severity.WARNING
    template = ("{rows} published rows are no longer listed: if nobody deleted them in Kustomer, run again",)
    rows: int


class SelectionChanged(Event):
    """The columns of the published table change. `content_added` are new columns with words of or about customers."""

    name = "selection_changed"
    template = (
        "the columns of the published table change",
        "; added: {columns_added}",
        "; removed: {columns_removed}",
        "; among those added, words of or about customers: {content_added}",
    )
    columns_added: Sequence[str] = ()
    columns_removed: Sequence[str] = ()
    content_added: Sequence[str] = ()

    @property
    def severity(self) -> Severity:
        """WARNING if a column is added, because somebody may have removed it on purpose; else INFO."""
        return Severity.WARNING if self.columns_added or self.content_added else Severity.INFO


class GuardRefusal(Event):
    """The guard kept the published table because the new one is much smaller. A person has to decide."""

    name = "guard_refused"
    severity = Severity.ERROR
    template = ("refused: {rows} rows would replace {published_rows}, a drop of over {max_drop_percent} %",)
    rows: int
    published_rows: int
    max_drop_percent: float


class DropExplained(Event):
    """The new table is much smaller because the configuration asks for less. It is published."""

    name = "drop_explained"
    severity = Severity.WARNING
    template = ("{rows} rows replace {published_rows}: {reason}",)
    rows: int
    published_rows: int
    reason: str


class TablePublished(Event):
    """The table was replaced: readers see the new rows."""

    name = "table_published"
    template = ("{name_in_warehouse} now has {rows} rows",)
    name_in_warehouse: str
    rows: int
    replaced_rows: int | None = None


class ViewPublished(Event):
    """The flat view was updated. `duration_unit` is the unit of Kustomer's durations, as measured in the table."""

    name = "view_published"
    template = (
        "{name_in_warehouse} has {columns} columns",
        "; durations are {duration_unit}",
        ", by {durations_measured} conversations",
    )
    name_in_warehouse: str
    columns: int
    duration_unit: str | None = None
    durations_measured: int | None = None


class ViewFailed(Event):
    """The flat view could not be updated. The table is published, and the next run tries again."""

    name = "view_failed"
    severity = Severity.WARNING
    template = ("the flat view {name_in_warehouse} could not be made: {error}",)
    name_in_warehouse: str
    error: str


class TableLeftPublished(Event):
    """A table that is switched off is still published, with the rows of its last run."""

    name = "table_left_published"
    template = ("{name_in_warehouse} is switched off and keeps the rows of its last run; to drop it: {command}",)
    name_in_warehouse: str
    command: str


class JobFinished(Event):
    """The job of a table has ended. The fields are those of its row in `_jobs`."""

    name = "job_finished"
    template = ("job {status}: {rows} rows from {pages} pages in {minutes:.1f} min",)
    job_id: str
    status: JobStatus
    rows: int
    pages: int
    bytes: int
    duplicates: int
    retries: int
    drift_paths: int
    minutes: float
    expected_rows: int | None = None
    proven_by: Proof = Proof.NONE
    short_pages: int = 0
    unreadable_rows: int = 0
    columns_added: Sequence[str] = ()
    columns_removed: Sequence[str] = ()
    error_code: str | None = None
    error: str | None = None
    has_second_chance: bool = False

    @property
    def severity(self) -> Severity:
        """ERROR if it failed; WARNING if it failed and the trigger `retry` will run it again on the same day."""
        if self.status is not JobStatus.FAILED:
            return Severity.INFO
        return Severity.WARNING if self.has_second_chance else Severity.ERROR

    @property
    def sentence(self) -> str:
        """Summarise the job, or say what to do."""
        if not self.error:
            return super().sentence
        once_more = "; the trigger `retry` runs it once more" if self.has_second_chance else ""
        return f"job {self.status}, {self.error_code}: {self.error}{once_more}"


CATALOGUE: tuple[type[Event], ...] = tuple(Event.__subclasses__())
"""Every event, in the order of this file."""
