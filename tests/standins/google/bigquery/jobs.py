"""Jobs: each has a unique id, runs in a thread, and takes effect at its end or not at all."""

from __future__ import annotations

import threading
import uuid
from concurrent import futures
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.standins.google.bigquery.copying import run_copy
from tests.standins.google.bigquery.loading import run_load
from tests.standins.google.bigquery.querying import run_query
from tests.standins.google.bigquery.refusals import Refusal, not_found, refuse_unsupported, unsupported
from tests.standins.google.http_server import ConnectionDropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.google.bigquery.catalog import Catalog
    from tests.standins.google.bigquery.faults import Faults
    from tests.standins.google.bigquery.tables import Version

_WORK: dict[str, Callable[[Job, Catalog, bytes], None]] = {"load": run_load, "copy": run_copy, "query": run_query}
_MULTI_REGIONS = {"US", "EU"}


@dataclass(slots=True, kw_only=True)
class Job:
    """A job.

    Attributes:
        kind: ``load``, ``copy`` or ``query``.
        statistics: The statistics of its kind, as in the resource. The job sets them.
        result: The result of a SELECT. The job sets it.
        error: Why it failed.
        polls_left: For this many more requests it stays RUNNING, because a test holds it.
        hidden_left: For this many more requests it is not found, because a test hides it.
    """

    project: str
    id: str
    location: str
    kind: str
    configuration: dict[str, Any]
    created_ms: int
    statistics: dict[str, Any] = field(default_factory=dict)
    result: Version | None = None
    error: Refusal | None = None
    polls_left: int = 0
    hidden_left: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def options(self) -> dict[str, Any]:
        """Get the part of the configuration for its kind."""
        options: dict[str, Any] = self.configuration[self.kind]
        return options

    @property
    def reference(self) -> dict[str, str]:
        return {"projectId": self.project, "jobId": self.id, "location": self.location}

    def to_resource(self) -> dict[str, Any]:
        """Build the resource in its current state."""
        done, created = self.done.is_set(), str(self.created_ms)
        status: dict[str, Any] = {"state": "DONE" if done else "RUNNING"}
        statistics: dict[str, Any] = {"creationTime": created, "startTime": created}
        if done:
            statistics |= {"endTime": created, self.kind: self.statistics}
        if done and self.error:
            status |= {"errorResult": self.error.error, "errors": [self.error.error, *self.error.details]}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.id}",
            "jobReference": self.reference,
            "configuration": {**self.configuration, "jobType": self.kind.upper()},
            "status": status,
            "statistics": statistics,
        }


class Jobs:
    """All jobs by id, in the order of their insertion."""

    def __init__(self, catalog: Catalog, faults: Faults) -> None:
        self.all: dict[str, Job] = {}
        self._catalog = catalog
        self._faults = faults
        self._held: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._pool = futures.ThreadPoolExecutor(4)

    def close(self) -> None:
        """Wait for the running jobs. Held jobs never run."""
        self._pool.shutdown()

    def insert(self, project: str, body: dict[str, Any], upload: bytes = b"") -> dict[str, Any]:
        """Start a job and return its resource, still RUNNING. Refuse an id that exists."""
        job = self._build(project, body)
        fault = self._faults.find(job=job.kind)
        if fault.refusal:
            raise fault.refusal
        if fault.drop == "before":
            raise ConnectionDropped
        with self._lock:
            if job.id in self.all:
                raise Refusal("duplicate", f"Already Exists: Job {project}:{job.location}.{job.id}")
            self.all[job.id] = job
        resource = job.to_resource()
        work = partial(self._run, job, upload, fault.failure)
        job.polls_left, job.hidden_left = fault.polls, fault.hidden
        if fault.polls:
            self._held[job.id] = work
        else:
            self._pool.submit(work)
        if fault.drop == "after":
            raise ConnectionDropped
        return resource

    def look(self, project: str, job_id: str, location: str | None, *, wait_seconds: float = 10.0) -> Job:
        """Get a job by its id and location. The location may be left out only in a multi-region.

        This waits for the job's end, which takes milliseconds, because the client would sleep for a second between two
        requests. It does not wait if a test holds the job.
        """
        job = self.all.get(job_id)
        if job is None or job.project != project or location not in {job.location, *_elsewhere(job)}:
            raise not_found(f"Job {project}:{job_id}")
        if job.hidden_left:
            job.hidden_left -= 1
            raise not_found(f"Job {project}:{job_id}")
        if job.polls_left:
            job.polls_left -= 1
            return job
        work = self._held.pop(job.id, None)
        if work:
            self._pool.submit(work)
        job.done.wait(wait_seconds)
        return job

    def cancel(self, job: Job) -> None:
        """Cancel a job that a test holds. Any other is done already."""
        if self._held.pop(job.id, None):
            job.polls_left = 0
            job.error = Refusal("stopped", "Job execution was cancelled: User requested cancellation")
            job.done.set()

    def _build(self, project: str, body: dict[str, Any]) -> Job:
        configuration = body["configuration"]
        refuse_unsupported(configuration, frozenset({*_WORK, "labels", "jobTimeoutMs", "jobType"}), "jobs")
        kind = next(kind for kind in _WORK if kind in configuration)
        reference = body.get("jobReference") or {}
        return Job(
            project=project,
            id=reference.get("jobId") or f"job_{uuid.uuid4().hex}",
            location=reference.get("location") or self._locate(configuration[kind]),
            kind=kind,
            configuration=configuration,
            created_ms=self._catalog.now_ms(),
        )

    def _locate(self, options: dict[str, Any]) -> str:
        """Find the location of a job that has none: that of the dataset it writes to, else US."""
        target = options.get("destinationTable") or options.get("defaultDataset")
        if not target:
            return "US"
        location: str = self._catalog.dataset(target["projectId"], target["datasetId"])["location"]
        return location

    def _run(self, job: Job, upload: bytes, failure: Refusal | None) -> None:
        try:
            if failure:
                job.error = failure
            else:
                _WORK[job.kind](job, self._catalog, upload)
        except Refusal as refusal:
            job.error = refusal
        except Exception as bug:  # noqa: BLE001 - every failure becomes the error of the job
            job.error = unsupported(f"this job: {bug!r}")
        finally:
            job.done.set()


def _elsewhere(job: Job) -> set[str | None]:
    """List the other locations under which a job is also found."""
    return {None} if job.location in _MULTI_REGIONS else set()
