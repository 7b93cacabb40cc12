"""The REST API: routes, uploads, pages of rows. What the product does not use gets a 501.

Source of all paths and shapes: https://cloud.google.com/bigquery/docs/reference/rest, read 2026-11-23.
"""

from __future__ import annotations

import itertools
import json
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.standins.google.bigquery import discovery
from tests.standins.google.bigquery.catalog import Catalog
from tests.standins.google.bigquery.faults import Faults
from tests.standins.google.bigquery.jobs import Job, Jobs
from tests.standins.google.bigquery.refusals import Refusal, invalid, not_found, refuse_unsupported, unsupported
from tests.standins.google.bigquery.rows import to_cells
from tests.standins.google.bigquery.tables import TableRef
from tests.standins.google.http_server import Answer, ConnectionDropped, HttpServer, Request, json_answer

if TYPE_CHECKING:
    from tests.standins.google.bigquery.tables import Table, Version

_PROJECT = "/bigquery/v2/projects/([^/]+)"
_DATASET = f"{_PROJECT}/datasets/([^/]+)"
_TABLE = f"{_DATASET}/tables/([^/]+)"
_UPLOAD = "/upload/bigquery/v2/projects/([^/]+)/jobs"
_QUERY_OPTIONS = frozenset({"defaultDataset", "maximumBytesBilled", "parameterMode", "query", "queryParameters"})
_PAGE_OPTIONS = frozenset({"formatOptions", "jobCreationMode", "location", "maxResults", "requestId", "useQueryCache"})

Route: TypeAlias = Callable[..., Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request and the status of its response. None: the connection was dropped."""

    method: str
    path: str
    status: int | None


class BigQuery:
    """Serves from construction until `close`. `calls` has every request, `jobs.all` every job, in order."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="bigquery-")
        self.catalog = Catalog(Path(self._directory.name))
        self.faults = Faults()
        self.jobs = Jobs(self.catalog, self.faults)
        self.calls: list[Call] = []
        self._uploads: dict[str, tuple[dict[str, Any], bytearray]] = {}
        self._routes: list[tuple[str, str, Route]] = [
            ("POST", f"{_PROJECT}/datasets", self._insert_dataset),
            ("GET", _DATASET, self._get_dataset),
            ("POST", f"{_DATASET}/tables", self._insert_table),
            ("GET", f"{_DATASET}/tables", self._list_tables),
            ("GET", _TABLE, self._get_table),
            ("PATCH", _TABLE, self._patch_table),
            ("DELETE", _TABLE, self._delete_table),
            ("GET", f"{_TABLE}/data", self._list_rows),
            ("POST", f"{_PROJECT}/jobs", self._insert_job),
            ("GET", f"{_PROJECT}/jobs/([^/]+)", self._get_job),
            ("POST", f"{_PROJECT}/jobs/([^/]+)/cancel", self._cancel_job),
            ("GET", f"{_PROJECT}/queries/([^/]+)", self._get_query_results),
            ("POST", f"{_PROJECT}/queries", self._query),
            ("POST", _UPLOAD, self._begin_upload),
            ("PUT", _UPLOAD, self._continue_upload),
        ]
        self._server = HttpServer(self._respond)
        self.url = f"http://{self._server.address}"

    def close(self) -> None:
        """Stop serving, and remove all rows."""
        self._server.close()
        self.jobs.close()
        self._directory.cleanup()

    def table(self, name: str) -> Table:
        """Get a table, ``project.dataset.table``, without a request, for its ``rows``, ``metadata`` or ``latest``."""
        return self.catalog.table(TableRef(*name.split(".")))

    def _respond(self, request: Request) -> Answer:
        time.sleep(self.faults.latency_seconds)
        status = None
        try:
            fault = self.faults.find(method=request.method, path=request.path)
            if fault.drop == "before":
                raise ConnectionDropped
            answer = self._dispatch(request, fault.refusal)
            if fault.drop == "after":
                raise ConnectionDropped
            status = answer.status
        finally:
            self.calls.append(Call(method=request.method, path=request.path, status=status))
        return answer

    def _dispatch(self, request: Request, ordered: Refusal | None) -> Answer:
        """Find the route and call it. A bug here is a 501, too, because clients repeat a 500 for ten minutes."""
        refusal = ordered or unsupported(f"{request.method} {request.path}")
        try:
            for method, pattern, route in () if ordered else self._routes:
                match = re.fullmatch(pattern, request.path)
                if match and method == request.method:
                    _check_request(request)
                    return route(request, *match.groups())
        except Refusal as refused:
            refusal = refused
        except ConnectionDropped:
            raise
        except Exception as bug:  # noqa: BLE001 - without a response the client would repeat the request
            refusal = unsupported(f"this request: {bug!r}")
        return json_answer(refusal.body, status=refusal.status)

    # Datasets and tables

    def _insert_dataset(self, request: Request, project: str) -> Answer:
        return json_answer(self.catalog.create_dataset(project, request.json()))

    def _get_dataset(self, _: Request, project: str, dataset: str) -> Answer:
        return json_answer(self.catalog.dataset(project, dataset))

    def _insert_table(self, request: Request, project: str, dataset: str) -> Answer:
        ref = TableRef(project, dataset, request.json()["tableReference"]["tableId"])
        return json_answer(self.catalog.create_table(ref, request.json()).to_resource())

    def _list_tables(self, _: Request, project: str, dataset: str) -> Answer:
        tables = [table.to_summary() for table in self.catalog.tables(project, dataset)]
        return json_answer({"kind": "bigquery#tableList", "totalItems": len(tables), "tables": tables})

    def _get_table(self, _: Request, *name: str) -> Answer:
        return json_answer(self.catalog.table(TableRef(*name)).to_resource())

    def _patch_table(self, request: Request, *name: str) -> Answer:
        if_match = request.headers.get("If-Match")
        return json_answer(self.catalog.patch_table(TableRef(*name), request.json(), if_match=if_match).to_resource())

    def _delete_table(self, _: Request, *name: str) -> Answer:
        self.catalog.delete_table(TableRef(*name))
        return Answer(status=204)

    def _list_rows(self, request: Request, *name: str) -> Answer:
        table = self.catalog.table(TableRef(*name))
        table.refuse_if_view()
        return json_answer(_to_page(table.latest, request.query))

    # Jobs

    def _insert_job(self, request: Request, project: str) -> Answer:
        return json_answer(self.jobs.insert(project, request.json()))

    def _get_job(self, request: Request, project: str, job_id: str) -> Answer:
        return json_answer(self.jobs.look(project, job_id, request.query.get("location")).to_resource())

    def _cancel_job(self, request: Request, project: str, job_id: str) -> Answer:
        job = self.jobs.look(project, job_id, request.query.get("location"))
        self.jobs.cancel(job)
        return json_answer({"kind": "bigquery#jobCancelResponse", "job": job.to_resource()})

    def _get_query_results(self, request: Request, project: str, job_id: str) -> Answer:
        wait_seconds = int(request.query.get("timeoutMs", "10000")) / 1000
        job = self.jobs.look(project, job_id, request.query.get("location"), wait_seconds=wait_seconds)
        return json_answer(_to_results(job, request.query))

    def _query(self, request: Request, project: str) -> Answer:
        """Insert a query job and return its results."""
        body = request.json()
        refuse_unsupported(body, _QUERY_OPTIONS | _PAGE_OPTIONS | {"labels", "timeoutMs"}, "jobs.query")
        configuration = {"query": {name: body[name] for name in _QUERY_OPTIONS & body.keys()}}
        job = {"configuration": configuration, "jobReference": {"location": body.get("location")}}
        reference = self.jobs.insert(project, job)["jobReference"]
        return json_answer(_to_results(self.jobs.look(project, reference["jobId"], reference["location"]), body))

    # Uploads: https://cloud.google.com/bigquery/docs/reference/api-uploads, read 2026-11-23

    def _begin_upload(self, request: Request, project: str) -> Answer:
        if request.query.get("uploadType") == "multipart":
            body, content = _split_multipart(request)
            return json_answer(self.jobs.insert(project, json.loads(body), content))
        session = uuid.uuid4().hex
        self._uploads[session] = (request.json(), bytearray())
        location = f"{self.url}{request.path}?uploadType=resumable&upload_id={session}"
        return Answer(headers={"Location": location})

    def _continue_upload(self, request: Request, project: str) -> Answer:
        """Receive a piece. The last piece inserts the job, so only it is refused if the job's id exists."""
        session = request.query["upload_id"]
        if session not in self._uploads:
            raise not_found("upload session")
        body, content = self._uploads[session]
        # ``bytes 0-99/200``; ``bytes 0-99/*`` if more pieces follow; ``bytes */200`` asks how much has arrived
        given = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", request.headers.get("Content-Range", ""))
        if given is None or int(given[1] or 0) > len(content):
            raise invalid("the piece does not continue the upload")
        if given[1]:
            content[int(given[1]) :] = request.body
        if given[2] != str(len(content)):
            return Answer(status=308, headers={"Range": f"bytes=0-{len(content) - 1}"} if content else {})
        answer = json_answer(self.jobs.insert(project, body, bytes(content)))
        del self._uploads[session]
        return answer


def _check_request(request: Request) -> None:
    """Refuse what is not in BigQuery's discovery document. It does not have the pieces of an upload."""
    if request.method == "PUT":
        return
    is_multipart = request.query.get("uploadType") == "multipart"
    body = json.loads((_split_multipart(request)[0] if is_multipart else request.body) or b"null")
    if faults := list(discovery.find_faults(request.method, request.path, request.query, body)):
        raise invalid(f"Not in BigQuery's discovery document: {'; '.join(faults)}")


def _split_multipart(request: Request) -> tuple[bytes, bytes]:
    """Split a ``multipart/related`` body into its two parts."""
    boundary = re.search(r'boundary="?([^";]+)', request.headers.get("Content-Type", ""))
    if boundary is None:
        raise invalid("multipart upload without a boundary")
    _, first, second = request.body.split(b"--" + boundary[1].encode())[:3]
    body, content = (part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in (first, second))
    return body, content


def _to_results(job: Job, options: Mapping[str, Any]) -> dict[str, Any]:
    """Build the response with a query's results, or raise its error."""
    results: dict[str, Any] = {"kind": "bigquery#queryResponse", "jobReference": job.reference}
    if not job.done.is_set():
        time.sleep(0.05)  # the client repeats the request at once
        return {**results, "jobComplete": False}
    if job.error:
        raise job.error
    page = _to_page(job.result, options) if job.result else {}
    schema = {"fields": job.result.schema if job.result else []}
    return {**results, "jobComplete": True, "schema": schema, **job.statistics, **page}


def _to_page(version: Version, options: Mapping[str, Any]) -> dict[str, Any]:
    """Build one page of the rows."""
    start = int(options.get("pageToken") or options.get("startIndex") or 0)
    end = start + int(options.get("maxResults") or 10_000)
    wanted = options.get("selectedFields", "").split(",")
    schema = [field for field in version.schema if wanted == [""] or field["name"] in wanted]
    rows = [to_cells(row, schema) for row in itertools.islice(version.iter_rows(), start, end)]
    more = {"pageToken": str(end)} if end < version.count else {}
    return {"totalRows": str(version.count), "rows": rows, **more}
