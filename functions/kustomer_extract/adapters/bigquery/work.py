"""BigQuery's jobs (load, copy, query): each is started once under its own id, and waited for within a time limit.

Google's exceptions pass through; the caller translates them. A failure for which Google has no exception is a
`RetryLater`.
A little over 200 lines, because the same few methods start and await all three kinds of jobs.
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

_MAX_IDS = 30  # for one piece of work; a run has fewer take-overs without progress
_FIRST_LOOK_SECONDS = 0.25
_SLOWEST_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait for BigQuery at most.

    Attributes:
        retry: Repeats one API call.
        call_seconds: For the answer to one request.
        upload_seconds: For the answer to one request of an upload. A chunk below 5 MiB needs one request, a larger one
            two: https://cloud.google.com/bigquery/docs/reference/api-uploads, read 2026-11-26.
        upload_retries: How often a request of an upload is repeated. The last upload starts at the soft deadline, and
            has to end before the function does.
        job_seconds: For the end of a job that has no deadline of its own.
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
    """Starts jobs and waits for them.

    Args:
        location: The location of the datasets. A job is only found in the location where it ran.
        labels: Labels for every job; they appear on the bill.
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

    def begin_load(
        self,
        job_id: str,
        data: bytes,
        table: str,
        *,
        schema: Iterable[Mapping[str, Any]],
        write: str,
        labels: Mapping[str, str],
    ) -> bigquery.LoadJob:
        """Upload newline-delimited JSON, plain or gzip-compressed, and start to load it: all rows or none."""
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
        """Return a table's columns; an empty list if there is no table."""
        try:
            return tuple(self._client.get_table(table, **self._timeouts.call).schema)
        except NotFound:
            return ()

    def wait(self, job: AnyJob, *, until: datetime) -> None:
        """Wait until a job has ended, successfully or not.

        Raises:
            RetryLater: it still runs at `until`.
        """
        pause = _FIRST_LOOK_SECONDS
        while (state := self._look(job)) != "DONE":
            if self._clock.now() >= until:
                raise RetryLater(f"BigQuery: job {job.job_id} is still {state}")
            self._clock.sleep(pause)
            pause = min(2 * pause, _SLOWEST_LOOK_SECONDS)

    def _look(self, job: AnyJob) -> str:
        """Read the state of a job. A job that was just inserted may not be found yet."""
        try:
            return "DONE" if job.done(**self._timeouts.call) else str(job.state)
        except NotFound as error:
            if not is_unfound_job(error):
                raise
            return "not found"

    def finish(self, job: AnyJob) -> Any:
        """Wait until a job has ended, for `job_seconds` at most; return its result, or raise its error."""
        self.wait(job, until=self._clock.now() + timedelta(seconds=self._timeouts.job_seconds))
        return job.result(**self._timeouts.call)

    def _begin(self, job_id: str, insert: Callable[[str], JobT]) -> JobT:
        """Insert a job. If its id is taken, use the job that has it; if that job failed, insert one with the next id.

        An id is taken if the answer to an earlier insertion was lost, or if another invocation did this work.
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
    """Make a job id from names: letters, digits, ``_`` and ``-``."""
    return re.sub(r"[^\w-]", "_", "_".join(["kx", *map(str, parts)]), flags=re.ASCII)


def to_unique_id(*parts: object) -> str:
    """Make a new job id for work that may be done twice: a repetition must not find the first job."""
    return to_bigquery_id(*parts, uuid.uuid4().hex[:8])
