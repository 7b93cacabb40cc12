"""BigQuery's jobs (load, copy, query): each begun once under an id of its own, waited for with a bound.

Exceptions are Google's here; whoever calls translates them. Only what has no vendor's name is raised as `RetryLater`.
A little over 200 lines: the three kinds of jobs are begun and waited for by the same few methods.
"""

from __future__ import annotations

import io
import re
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery

from kustomer_extract.adapters.google.errors import is_unfound_job
from kustomer_extract.errors import RetryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from google.api_core.retry import Retry
    from google.cloud.bigquery.table import Row

    from kustomer_extract.ports import Clock

AnyJob: TypeAlias = "bigquery.LoadJob | bigquery.CopyJob | bigquery.QueryJob"
JobT = TypeVar("JobT", "bigquery.LoadJob", "bigquery.CopyJob", "bigquery.QueryJob")

APPEND = bigquery.WriteDisposition.WRITE_APPEND
REPLACE = bigquery.WriteDisposition.WRITE_TRUNCATE

_MAX_IDS = 30  # of one piece of work; more than a run has take-overs without progress
_FIRST_LOOK_SECONDS = 0.25
_SLOWEST_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long BigQuery is waited for, at most.

    Attributes:
        retry: Repeats one API call.
        call_seconds: Until one request is answered.
        upload_seconds: Until one request of an upload is answered. A chunk below 5 MiB goes up in one request, a
            larger one in two: https://cloud.google.com/bigquery/docs/reference/api-uploads, read 2026-11-26.
        upload_retries: How often each of them is repeated: the last upload begins at the soft deadline, and has to
            end before the function does.
        job_seconds: Until a job is done that has no deadline of its own.
    """

    retry: Retry = field(default_factory=lambda: bigquery.DEFAULT_RETRY.with_timeout(30))
    call_seconds: float = 30.0
    upload_seconds: float = 15.0
    upload_retries: int = 1
    job_seconds: float = 240.0

    @property
    def call(self) -> dict[str, Any]:
        """The keyword arguments of an API call."""
        return {"retry": self.retry, "timeout": self.call_seconds}


class BigQueryJobs:
    """Begins jobs and waits for them.

    Args:
        location: Of the datasets; jobs are only found where they ran.
        labels: On every job, for the bill.
    """

    def __init__(
        self,
        client: bigquery.Client,
        *,
        location: str,
        labels: Mapping[str, str],
        clock: Clock,
        timeouts: Timeouts,
    ) -> None:
        self._client = client
        self._location = location
        self._labels = labels
        self._clock = clock
        self._timeouts = timeouts

    def begin_load(  # a load job has these facts
        self,
        job_id: str,
        data: bytes,
        table: str,
        *,
        schema: Iterable[Mapping[str, Any]],
        write: str,
        labels: Mapping[str, str],
    ) -> bigquery.LoadJob:
        """Upload newline-delimited JSON, plain or gzip-compressed, all rows or none; return once it is there."""
        config = bigquery.LoadJobConfig(
            autodetect=False,
            ignore_unknown_values=False,
            labels={**self._labels, **labels},
            max_bad_records=0,
            schema=[bigquery.SchemaField.from_api_repr(dict(field)) for field in schema],
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=write,
        )
        if write == APPEND:
            config.schema_update_options = [bigquery.SchemaUpdateOption.ALLOW_FIELD_ADDITION]

        def insert(candidate: str) -> bigquery.LoadJob:
            return self._client.load_table_from_file(
                io.BytesIO(data),
                table,
                size=len(data),
                job_id=candidate,
                job_config=config,
                location=self._location,
                num_retries=self._timeouts.upload_retries,
                timeout=self._timeouts.upload_seconds,
            )

        return self._begin(job_id, insert)

    def copy(self, job_id: str, sources: Sequence[str], table: str, *, write: str, labels: Mapping[str, str]) -> None:
        """Copy one or several tables into one, atomically."""
        config = bigquery.CopyJobConfig(labels={**self._labels, **labels}, write_disposition=write)

        def insert(candidate: str) -> bigquery.CopyJob:
            return self._client.copy_table(
                sources, table, job_id=candidate, job_config=config, location=self._location, **self._timeouts.call
            )

        self.finish(self._begin(job_id, insert))

    def query(
        self,
        job_id: str,
        sql: str,
        *,
        labels: Mapping[str, str] = MappingProxyType({}),
        parameters: Sequence[bigquery.ScalarQueryParameter] = (),
    ) -> list[Row]:
        """Run one statement; return its rows, which must be few."""
        config = bigquery.QueryJobConfig(labels={**self._labels, **labels}, query_parameters=list(parameters))

        def insert(candidate: str) -> bigquery.QueryJob:
            return self._client.query(
                sql,
                job_id=candidate,
                job_config=config,
                job_retry=None,
                location=self._location,
                **self._timeouts.call,
            )

        return list(self.finish(self._begin(job_id, insert)))

    def read_schema(self, table: str) -> Sequence[bigquery.SchemaField]:
        """Read a table's columns; none, if there is no table."""
        try:
            return tuple(self._client.get_table(table, **self._timeouts.call).schema)
        except NotFound:
            return ()

    def wait(self, job: AnyJob, *, until: datetime) -> None:
        """Wait for the end of a job, good or bad.

        Raises:
            RetryLater: it is still running.
        """
        pause = _FIRST_LOOK_SECONDS
        while (state := self._look(job)) != "DONE":
            if self._clock.now() >= until:
                raise RetryLater(f"BigQuery: job {job.job_id} is still {state}")
            self._clock.sleep(pause)
            pause = min(2 * pause, _SLOWEST_LOOK_SECONDS)

    def _look(self, job: AnyJob) -> str:
        """Read the state of a job. One that was just inserted may not be found yet: that passes."""
        try:
            return "DONE" if job.done(**self._timeouts.call) else str(job.state)
        except NotFound as error:
            if not is_unfound_job(error):
                raise
            return "not found"

    def finish(self, job: AnyJob) -> Any:
        """Wait for the end of a job, for `job_seconds` at most; return its outcome, or raise its error."""
        self.wait(job, until=self._clock.now() + timedelta(seconds=self._timeouts.job_seconds))
        return job.result(**self._timeouts.call)

    def _begin(self, job_id: str, insert: Callable[[str], JobT]) -> JobT:
        """Insert a job; if its id is taken, go on with the job that has it, unless that failed: then take the next id.

        An id is taken when the answer to an earlier insertion was lost, or when another invocation did this work.
        """
        for number in range(_MAX_IDS):
            candidate = f"{job_id}_r{number}" if number else job_id
            try:
                return insert(candidate)
            except Conflict:
                job: JobT = self._fetch(candidate)
            if job.error_result is None:
                return job
        raise RetryLater(f"BigQuery: job {job_id} has failed {_MAX_IDS} times")

    def _fetch(self, job_id: str) -> Any:
        try:
            return self._client.get_job(job_id, location=self._location, **self._timeouts.call)
        except NotFound as error:  # happens right after the conflict: github.com/googleapis/python-bigquery/issues/2134
            raise RetryLater(f"BigQuery: job {job_id} exists, but cannot be looked at yet") from error


def to_bigquery_id(*parts: object) -> str:
    """Make a job id out of names: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^\w-]", "_", "_".join(["kx", *map(str, parts)]), flags=re.ASCII)


def to_unique_id(*parts: object) -> str:
    """Make an id for work that may as well be done twice, so that a repetition is not taken for the first time."""
    return to_bigquery_id(*parts, uuid.uuid4().hex[:8])
