"""The BigQuery stand-in checks every request against Google's discovery document. These tests check that check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.exceptions import BadRequest

from tests.standins.google.bigquery import discovery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contract.cloud_adapters import CloudClients

pytestmark = pytest.mark.emulator
JOBS = "/bigquery/v2/projects/p/jobs"


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", JOBS, {}, {"configuration": {"load": {"writeDisposition": "WRITE_TRUNCATE", "maxBadRecords": 0}}}),
        ("POST", JOBS, {}, {"configuration": {"labels": {"any": "name"}, "jobTimeoutMs": "1000"}}),
        ("POST", f"/upload{JOBS}", {"uploadType": "resumable"}, {"jobReference": {"jobId": "a"}}),
        ("GET", "/bigquery/v2/projects/p/datasets/d/tables/t", {"view": "BASIC", "prettyPrint": "false"}, None),
    ],
)
def test_a_request_that_the_api_knows_has_no_fault(method: str, path: str, query: Mapping[str, str], body: Any) -> None:
    assert list(discovery.find_faults(method, path, query, body)) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("PUT", JOBS, {}, None, "no method for PUT"),
        ("GET", "/bigquery/v2/projects/p/tables", {}, None, "no method for GET"),
        ("POST", "/upload/bigquery/v2/projects/p/queries", {}, None, "no method for POST"),
        ("POST", JOBS, {"locaton": "EU"}, None, "bigquery.jobs.insert has no parameter locaton"),
        ("GET", "/bigquery/v2/projects/p/datasets/d/tables/t", {"view": "SOME"}, None, "view cannot be SOME"),
        ("POST", JOBS, {}, {"configuration": {"load": {"skipRows": 1}}}, "configuration.load has no field skipRows"),
        ("POST", JOBS, {}, {"configuration": {"labels": {"a": 1}}}, "configuration.labels.a is not of type string"),
        ("POST", JOBS, {}, {"configuration": {"copy": {"sourceTables": {}}}}, "copy.sourceTables is not of type array"),
        ("GET", JOBS, {}, {"a": 1}, "bigquery.jobs.list does not take this body"),
    ],
)
def test_a_request_that_the_api_does_not_know_has_a_fault(
    method: str, path: str, query: Mapping[str, str], body: Any, fault: str
) -> None:
    (found,) = discovery.find_faults(method, path, query, body)

    assert fault in found


def test_the_stand_in_refuses_an_unknown_field(clients: CloudClients) -> None:
    job = {"configuration": {"query": {"query": "SELECT 1", "qurey": "GoogleSQL"}}}

    with pytest.raises(BadRequest, match=r"configuration\.query has no field qurey"):
        clients.bigquery._connection.api_request("POST", "/projects/demo-project/jobs", data=job)  # type: ignore[no-untyped-call]  # google-cloud-core has no annotations
