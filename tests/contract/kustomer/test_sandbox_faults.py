"""The faults of the sandbox affect the right requests, in the right way."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from tests.contract.kustomer.asking import CONVERSATIONS, EPOCH, SURVEYS, get, get_page
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault, Place
from tests.standins.kustomer.index import Span
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation


class TestAffectedRequests:
    def list_affected(self, fault: Fault, *, seed: int = 1) -> list[str]:
        """Request both tables and the key check twice. List the requests that the fault affected."""
        with Sandbox(conversations=6, surveys=2, seed=seed, faults=[replace(fault, status=500)]) as sandbox:
            paths = {
                "token": "/v1/auth/tokens/current",
                "s1": f"{SURVEYS}?page=1",
                "c1": f"{CONVERSATIONS}?page=1",
                "c2": f"{CONVERSATIONS}?page=2",
                "desc": f"{CONVERSATIONS}?page=1&sort=desc",
            }
            return [name for _ in range(2) for name, path in paths.items() if get(sandbox, path).status == 500]

    @pytest.mark.parametrize(
        ("fault", "affected"),
        [
            (Fault(table="satisfaction"), ["s1", "s1"]),
            (Fault(table="token", times=1), ["token"]),
            (Fault(page=1), ["s1", "c1", "desc", "s1", "c1", "desc"]),
            (Fault(page=1, descending=False, attempt=2), ["s1", "c1"]),
            (Fault(descending=True), ["desc", "desc"]),
            (Fault(attempt=1), ["token", "s1", "c1", "c2", "desc"]),
            (Fault(after=8), ["c2", "desc"]),
            (Fault(table="conversations", after=2, times=2), ["desc", "c1"]),
            (Fault(probability=0.0), []),
        ],
    )
    def test_rule(self, fault: Fault, affected: list[str]) -> None:
        assert self.list_affected(fault) == affected

    @pytest.mark.parametrize(("place", "affected"), [("first", [1]), ("middle", [2]), ("last", [3]), (2, [2])])
    def test_pages_by_their_place(self, place: Place | int, affected: list[int]) -> None:
        with Sandbox(conversations=6, faults=[Fault(page=place, status=500)]) as sandbox:
            assert [page for page in (1, 2, 3, 4) if get_page(sandbox, page).status == 500] == affected

    def test_the_last_page_is_that_at_the_time_of_the_request(self) -> None:
        with Sandbox(conversations=6, faults=[Fault(page="last", status=500)]) as sandbox:
            before = get_page(sandbox, 4).status
            sandbox.organisation.insert()

            assert (before, get_page(sandbox, 3).status, get_page(sandbox, 4).status) == (200, 200, 500)

    def test_an_outage_lasts_some_seconds_by_the_clock_of_the_server(self) -> None:
        now = [EPOCH]
        with Sandbox(clock=lambda: now[0], faults=[Fault(status=503, after=1, lasts_seconds=30)]) as sandbox:
            statuses = []
            for seconds in (0, 10, 39.9, 40):
                now[0] = EPOCH + seconds
                statuses.append(get(sandbox, SURVEYS).status)

            assert statuses == [200, 503, 503, 200]

    def test_probability_is_decided_by_the_seed(self) -> None:
        first, again, other = (self.list_affected(Fault(probability=0.5), seed=seed) for seed in (1, 1, 2))

        assert first == again != other
        assert 0 < len(first) < 10

    def test_several_faults_affect_the_same_request(self) -> None:
        faults = [Fault(status=503), Fault(headers={"Retry-After": "1"})]
        with Sandbox(faults=faults) as sandbox:
            reply = get(sandbox, SURVEYS)

            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")

    def test_only_allowed_requests_are_affected(self) -> None:
        with Sandbox(faults=[Fault(status=500, times=1)], limit=RateLimit(requests=1)) as sandbox:
            wrong_key = get(sandbox, SURVEYS, headers={}).status

            assert (wrong_key, get(sandbox, SURVEYS).status, get(sandbox, SURVEYS).status) == (401, 500, 429)

    def test_faults_can_be_removed(self) -> None:
        with Sandbox(faults=[Fault(status=500)]) as sandbox:
            sandbox.clear_faults()

            assert get(sandbox, SURVEYS).status == 200


class TestFaultyResponses:
    STATUSES = (400, 401, 403, 404, 408, 422, 429, 500, 501, 502, 503, 504)

    @pytest.mark.parametrize("status", STATUSES)
    def test_statuses(self, status: int) -> None:
        with Sandbox(faults=[CATALOGUE[f"status-{status}"]]) as sandbox:
            reply = get(sandbox, SURVEYS)

            assert (reply.status, set(reply.json())) == (status, {"errors"})

    @pytest.mark.parametrize(
        ("name", "status", "kind", "body"),
        [
            ("empty-502", 502, "application/json; charset=utf-8", b""),
            ("text-503", 503, "text/plain", b"upstream said: the sandbox was asked to fail\n"),
            (
                "error-200",
                200,
                "application/json; charset=utf-8",
                b'{"errors":[{"code":"error","message":"the sandbox was asked to fail","meta":{}}]}',
            ),
            ("html-200", 200, "text/html", b"<html>Sign in</html>"),
            ("not-json", 200, "application/json; charset=utf-8", b'{"data": [oops'),
            ("not-a-page", 200, "application/json; charset=utf-8", b'["data"]'),
            ("empty-body", 200, "application/json; charset=utf-8", b""),
        ],
    )
    def test_bodies(self, name: str, status: int, kind: str, body: bytes) -> None:
        with Sandbox(faults=[CATALOGUE[name]]) as sandbox:
            reply = get(sandbox, SURVEYS)

            assert (reply.status, reply.headers["Content-Type"], reply.body) == (status, kind, body)

    def test_the_second_form_of_errors(self) -> None:
        with Sandbox(faults=[CATALOGUE["detail-500"]]) as sandbox:
            reply = get(sandbox, SURVEYS)

            message = "the sandbox was asked to fail"
            error = {"status": "500", "code": "error", "title": message, "detail": message, "source": {}}
            assert (reply.status, reply.json()) == (500, {"errors": [error]})

    def test_no_rows_in_the_middle(self) -> None:
        with Sandbox(conversations=6, faults=[replace(CATALOGUE["no-rows"], page=2)]) as sandbox:
            page = get_page(sandbox, 2).json()

            assert (page["data"], page["links"]["next"]) == ([], "/v1/conversations?page=3&pageSize=2")

    @pytest.mark.parametrize(
        ("fault", "rows", "following"),
        [
            (Fault(keeps=1), 1, "/v1/conversations?page=2&pageSize=2"),
            (Fault(fewer=1), 1, "/v1/conversations?page=2&pageSize=2"),
            (Fault(fewer=5), 0, "/v1/conversations?page=2&pageSize=2"),
            (Fault(keeps=1, ends=True), 1, None),
            (Fault(next_link="https://evil.example/v1"), 2, "https://evil.example/v1"),
        ],
    )
    def test_rows_missing_on_a_page(self, fault: Fault, rows: int, following: str | None) -> None:
        with Sandbox(conversations=6, faults=[fault]) as sandbox:
            page = get_page(sandbox, 1).json()

            assert (len(page["data"]), page["links"]["next"]) == (rows, following)

    def test_missing_rows_do_not_affect_other_responses(self) -> None:
        with Sandbox(faults=[Fault(keeps=0)]) as sandbox:
            assert get(sandbox, "/v1/auth/tokens/current").status == 200
            assert get(sandbox, f"{CONVERSATIONS}/none").status == 404

    def test_an_integer_of_thousands_of_digits(self) -> None:
        with Sandbox(conversations=2, faults=[CATALOGUE["huge-integer"]]) as sandbox:
            assert get(sandbox, CONVERSATIONS).body.count(b"9" * 5000) == 1

    @pytest.mark.parametrize(
        ("name", "kind"), [("text-type", "text/plain"), ("octet-type", "application/octet-stream")]
    )
    def test_json_under_another_content_type(self, name: str, kind: str) -> None:
        with Sandbox(conversations=2, faults=[CATALOGUE[name]]) as sandbox:
            reply = get(sandbox, CONVERSATIONS)

            assert (reply.headers["Content-Type"], reply.ids()) == (kind, sandbox.organisation.ids())

    def test_the_key_of_another_pod_is_refused_everywhere(self) -> None:
        with Sandbox(faults=[CATALOGUE["other-pod"]]) as sandbox:
            replies = [get(sandbox, path) for path in (SURVEYS, CONVERSATIONS, "/v1/auth/tokens/current")]

            assert [reply.status for reply in replies] == [401, 401, 401]
            assert replies[0].json()["errors"][0]["title"] == "token issued for prod2, request reached prod1"

    def test_headers_are_replaced_and_removed(self) -> None:
        fault = Fault(headers={"Content-Type": None, "Date": "Thu, 01 Jan 1970 00:00:00 GMT"})
        with Sandbox(faults=[fault]) as sandbox:
            headers = get(sandbox, SURVEYS).headers

            assert (headers["Content-Type"], headers["Date"]) == (None, "Thu, 01 Jan 1970 00:00:00 GMT")

    @pytest.mark.parametrize(
        ("name", "host"), [("redirect-here", ""), ("redirect-elsewhere", "http://localhost:{port}")]
    )
    def test_redirects(self, name: str, host: str) -> None:
        with Sandbox(faults=[CATALOGUE[name]]) as sandbox:
            reply = get(sandbox, SURVEYS)

            location = host.format(port=sandbox.port) + "/v1/conversations?page=1&pageSize=100"
            assert (reply.status, reply.headers["Location"]) == (302, location)

    @pytest.mark.parametrize("name", ["insert", "update", "delete"])
    def test_the_organisation_changes(self, name: str) -> None:
        with Sandbox(conversations=3, faults=[CATALOGUE[name]]) as sandbox:
            before = [dict(record) for record in Organisation(conversations=3, surveys=12, seed=1).conversations]

            after = get(sandbox, CONVERSATIONS).json()["data"]
            kept = [record["id"] for record in after if record in before]
            assert (len(after), len(kept)) == {"insert": (4, 3), "update": (3, 2), "delete": (2, 2)}[name]

    def test_requests_at_the_same_time_change_it_one_after_the_other(self) -> None:
        """Otherwise a position moves between a look and a change, and search loses a record that the list has."""
        rng, turns = Random(1), sys.getswitchinterval()

        def change(organisation: Organisation) -> None:
            organisation.update(rng.randrange(100))
            organisation.insert()
            organisation.delete(rng.randrange(100))

        with Sandbox(conversations=300, faults=[Fault(does=change)]) as sandbox, ThreadPoolExecutor(8) as threads:
            sys.setswitchinterval(1e-5)
            try:
                list(threads.map(partial(get_page, sandbox), range(1, 161)))
            finally:
                sys.setswitchinterval(turns)
            ids = sandbox.organisation.ids()
            found = sandbox.organisation.index.find(created=Span(), updated=Span())

        assert len(set(ids)) == len(ids) == 300
        assert {sandbox.organisation.conversations.identify(entry) for entry in found} == set(ids)
