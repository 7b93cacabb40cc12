"""The life of a job: its id is unique, it runs beside the requests, takes effect at its end or not at all."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.standins.google.bigquery.copying import run_copy
from tests.standins.google.bigquery.loading import run_load
from tests.standins.google.bigquery.querying import run_query
from tests.standins.google.bigquery.refusals import Refusal, not_found, refuse_unsupported, unsupported
from tests.standins.google.http_server import ConnectionDropped

if TYPE_CHECKING:
    from tests.standins.google.bigquery.catalog import Catalog, Version
    from tests.standins.google.bigquery.faults import Faults

Work: TypeAlias = Callable[["Job", "Catalog", bytes], None]
_WORK: dict[str, Work] = {"load": run_load, "copy": run_copy, "query": run_query}
_MULTI_REGIONS = {"US", "EU"}


@dataclass(slots=True, kw_only=True)
class Job:
    """A job, as far as its work needs to know and tests want to see.

    Attributes:
        kind: ``load``, ``copy`` or ``query``.
        options: The configuration of its kind.
        statistics: Of its kind, as the resource shows them; set by the work.
        result: Rows of a query; set by the work.
        error: Why it failed; None while it runs and if it did not.
        polls_left: Looks at which it still shows as RUNNING.
        looked: How often it was looked at.
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
    looked: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    start: Callable[[], None] = lambda: None

    @property
    def options(self) -> dict[str, Any]:
        """The configuration of its kind."""
        options: dict[str, Any] = self.configuration[self.kind]
        return options

    @property
    def reference(self) -> dict[str, str]:
        """Its full name."""
        return {"projectId": self.project, "jobId": self.id, "location": self.location}

    def to_resource(self) -> dict[str, Any]:
        """Show it as it stands."""
        done, created = self.done.is_set(), str(self.created_ms)
        status: dict[str, Any] = {"state": "DONE" if done else "RUNNING"}
        if done and self.error:
            status |= {"errorResult": self.error.error, "errors": [self.error.error, *self.error.details]}
        times = {"creationTime": created, "startTime": created, **({"endTime": created} if done else {})}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.id}",
            "jobReference": self.reference,
            "configuration": {**self.configuration, "jobType": self.kind.upper()},
            "status": status,
            "statistics": {**times, **({self.kind: self.statistics} if done else {})},
        }


class Jobs:
    """All jobs, by id, in the order of their insertion."""

    def __init__(self, catalog: Catalog, faults: Faults) -> None:
        self.all: dict[str, Job] = {}
        self._catalog = catalog
        self._faults = faults
        self._lock = threading.Lock()
        self._pool = futures.ThreadPoolExecutor(4)

    def close(self) -> None:
        """Wait for the jobs that run."""
        self._pool.shutdown()

    def insert(self, project: str, body: dict[str, Any], upload: bytes = b"") -> dict[str, Any]:
        """Start a job.

        Returns:
            Its resource, still RUNNING.

        Raises:
            Refusal: the id is taken, or the job is none that this server knows.
            ConnectionDropped: ordered by the test.
        """
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
        job.polls_left = fault.polls
        job.start = lambda: self._run(job, upload, fault.failure)
        if not job.polls_left:
            self._pool.submit(job.start)
        if fault.drop == "after":
            raise ConnectionDropped
        return resource

    def look(self, project: str, job_id: str, location: str | None, *, wait_seconds: float = 10.0) -> Job:
        """Look at a job.

        Unless a test holds it, the look waits for its end: it is a matter of milliseconds, and the client would sleep
        for a second.
        """
        job = self.all.get(job_id)
        here = job and (job.location.upper() in _MULTI_REGIONS if location is None else job.location == location)
        if job is None or job.project != project or not here:
            raise not_found(f"Job {project}:{job_id}")
        job.looked += 1
        if job.polls_left:
            job.polls_left -= 1
            if not job.polls_left:
                self._pool.submit(job.start)
        else:
            job.done.wait(wait_seconds)
        return job

    def cancel(self, job: Job) -> None:
        """Stop a job that a test holds; any other is done already."""
        if job.polls_left and not job.done.is_set():
            job.polls_left = 0
            job.error = Refusal("stopped", "Job execution was cancelled: User requested cancellation")
            job.done.set()

    def _build(self, project: str, body: dict[str, Any]) -> Job:
        configuration = body["configuration"]
        refuse_unsupported(configuration, frozenset({*_WORK, "labels", "jobTimeoutMs", "jobType"}), "jobs")
        kind = next((kind for kind in _WORK if kind in configuration), None)
        if kind is None:
            raise unsupported(f"jobs of {', '.join(configuration)}")
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
        """Find the location of a job that names none: that of what it writes to, else US."""
        target = options.get("destinationTable") or options.get("defaultDataset")
        if target is None:
            return "US"
        try:
            location: str = self._catalog.dataset(target["projectId"], target["datasetId"])["location"]
        except Refusal:
            return "US"
        return location

    def _run(self, job: Job, upload: bytes, failure: Refusal | None) -> None:
        try:
            if failure:
                raise failure
            _WORK[job.kind](job, self._catalog, upload)
        except Refusal as refusal:
            job.error = refusal
        except Exception as bug:  # noqa: BLE001 - a job never ends without a word
            job.error = unsupported(f"this job: {bug!r}")
        finally:
            job.done.set()
