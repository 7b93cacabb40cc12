"""The sandbox does what docs/kustomer-api.md says of Kustomer, and what its README says of itself, seen over HTTP."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import compile_transform
from tests.standins.kustomer.__main__ import build_sandbox
from tests.standins.kustomer.exchange import Request
from tests.standins.kustomer.faults import CATALOGUE, Fault
from tests.standins.kustomer.limits import Limits, RateLimit
from tests.standins.kustomer.paging import Paging
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

ROOT = Path(__file__).parents[3]
KEY = {"Authorization": "Bearer sandbox-key"}
CONVERSATIONS = "/v1/conversations"
SURVEYS = "/v1/satisfaction"
EPOCH = 1_800_000_000.0


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def ids(self) -> list[str]:
        return [record["id"] for record in self.json()["data"]]


def get(sandbox: Sandbox, path: str, headers: Mapping[str, str] = KEY) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def get_page(sandbox: Sandbox, page: int, path: str = CONVERSATIONS) -> Reply:
    return get(sandbox, f"{path}?page={page}&pageSize=2")


class TestEnvelope:
    def test_first_page(self) -> None:
        with Sandbox(surveys=3) as sandbox:
            reply = get(sandbox, "/v1/satisfaction?page=1&pageSize=2")

            assert reply.json() == {
                "meta": {"pageSize": 2, "page": 1},
                "links": {
                    "self": "/v1/satisfaction?page=1&pageSize=2",
                    "first": "/v1/satisfaction?page=1&pageSize=2",
                    "prev": None,
                    "next": "/v1/satisfaction?page=2&pageSize=2",
                },
                "data": sandbox.organisation.surveys[:2],
            }
            assert reply.headers["Content-Type"] == "application/json; charset=utf-8"

    def test_last_page_newest_first(self) -> None:
        with Sandbox(conversations=3) as sandbox:
            page = get(sandbox, "/v1/conversations?page=2&pageSize=2&sort=desc").json()

            assert page == {
                "meta": {"pageSize": 2, "page": 2},
                "links": {
                    "self": "/v1/conversations?page=2&pageSize=2&sort=desc",
                    "first": "/v1/conversations?page=1&pageSize=2&sort=desc",
                    "prev": "/v1/conversations?page=1&pageSize=2&sort=desc",
                    "next": None,
                },
                "data": [sandbox.organisation.conversations[0]],
            }

    def test_a_page_has_100_records_by_default(self) -> None:
        with Sandbox(conversations=250) as sandbox:
            pages = [get(sandbox, f"{CONVERSATIONS}?page={page}").ids() for page in (1, 2, 3, 4)]

            assert [len(page) for page in pages] == [100, 100, 50, 0]
            assert list(chain(*pages)) == sandbox.organisation.ids() == sorted(set(sandbox.organisation.ids()))

    def test_an_empty_table_is_an_empty_page(self) -> None:
        with Sandbox(conversations=0, surveys=0) as sandbox:
            page = get(sandbox, SURVEYS).json()

            assert (page["data"], page["links"]["next"]) == ([], None)

    @pytest.mark.parametrize(
        "query", ["page=0", "page=-1", "page=x", "pageSize=0", "pageSize=101", "pageSize=all", "sort=asc"]
    )
    def test_parameters_out_of_bounds_are_refused(self, query: str) -> None:
        with Sandbox() as sandbox:
            reply = get(sandbox, f"{CONVERSATIONS}?{query}")

            message = "page, pageSize or sort is out of bounds"
            assert reply.status == 400
            assert reply.json() == {"errors": [{"code": "bad_request", "message": message, "meta": {}}]}

    def test_other_paths_are_unknown(self) -> None:
        with Sandbox() as sandbox:
            assert get(sandbox, "/v1/customers").status == 404

    def test_connections_are_kept_alive(self) -> None:
        with Sandbox(conversations=4) as sandbox:
            connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
            connection.connect()
            local = connection.sock
            for page in (1, 2):
                connection.request("GET", f"{CONVERSATIONS}?page={page}&pageSize=2", headers=KEY)
                connection.getresponse().read()

            assert connection.sock is local
            connection.close()


class TestKey:
    def test_the_key_check_knows_the_roles(self) -> None:
        with Sandbox(missing_roles={"satisfaction": 403}) as sandbox:
            token = get(sandbox, "/v1/auth/tokens/current").json()

            assert token["data"]["attributes"] == {"roles": ["org.permission.conversation.read"]}

    @pytest.mark.parametrize(
        ("options", "path", "status", "code", "message"),
        [
            ({"key": "other"}, SURVEYS, 401, "unauthorized", "Unauthorized: the token is not valid"),
            ({"expired": True}, "/v1/auth/tokens/current", 401, "unauthorized", "Unauthorized: the token has expired"),
            (
                {"missing_roles": {"conversations": 403}},
                CONVERSATIONS,
                403,
                "forbidden",
                "The key lacks the role org.permission.conversation.read",
            ),
            (
                {"missing_roles": {"satisfaction": 401}},
                SURVEYS,
                401,
                "unauthorized",
                "The key lacks the role org.permission.satisfaction.read",
            ),
        ],
    )
    def test_refusals(self, options: dict[str, Any], path: str, status: int, code: str, message: str) -> None:
        with Sandbox(**options) as sandbox:
            reply = get(sandbox, path)

            assert reply.status == status
            assert reply.json() == {"errors": [{"code": code, "message": message, "meta": {}}]}

    def test_a_missing_role_is_about_one_table(self) -> None:
        with Sandbox(missing_roles={"satisfaction": 403}) as sandbox:
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_no_key_is_a_wrong_key(self) -> None:
        with Sandbox() as sandbox:
            assert get(sandbox, SURVEYS, headers={}).status == 401


class TestRecords:
    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        answers = []
        for seed in (1, 1, 2):
            with Sandbox(conversations=50, seed=seed) as sandbox:
                answers.append((get(sandbox, CONVERSATIONS).body, get(sandbox, SURVEYS).body))

        assert answers[0] == answers[1]
        assert answers[0][0] != answers[2][0]
        assert answers[0][1] != answers[2][1]

    def test_ids_are_24_hex_characters(self) -> None:
        organisation = Organisation(conversations=20, surveys=20, seed=1)

        ids = organisation.ids("conversations") + organisation.ids("satisfaction")
        assert all(re.fullmatch("[0-9a-f]{24}", identifier) for identifier in ids)

    def test_ratings_are_of_existing_surveys(self) -> None:
        organisation = Organisation(conversations=500, surveys=12, seed=1)

        levels = [record["attributes"]["satisfactionLevel"] for record in organisation.conversations]
        forms = {level["form"] for level in levels if "form" in level}
        assert len(forms) > 6
        assert forms <= set(organisation.ids("satisfaction"))
        assert {level["rating"] for level in levels if "rating" in level} == {1, 2, 3, 4, 5}

    def test_sizes_are_those_of_real_records(self) -> None:
        rows = Organisation(conversations=500, surveys=12, seed=1).conversations.serialise(0, 500)

        sizes = sorted(len(row) for row in rows)
        assert 900 < sizes[0] < 1200
        assert 3500 < statistics.median(sizes) < 3900

    @pytest.mark.parametrize("table", [Table.SATISFACTION, Table.CONVERSATIONS])
    def test_records_fit_the_schema_files(self, table: Table) -> None:
        to_row = compile_transform(choose(load_schema(table), True), table=table)
        batch = Batch(run_id=RunId("20261123t030000z-1a2b3c4d"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))

        records = Organisation(conversations=500, surveys=20, seed=1).rows(table.value)
        assert [drift for record in records if (drift := to_row(record, batch=batch).drift)] == []

    def test_unknown_keys_come_when_asked_for(self) -> None:
        organisation = Organisation(conversations=30, surveys=1, seed=1, unknown_every=10)

        unknown = [number for number, it in enumerate(organisation.conversations) if "futureKey" in it["attributes"]]
        assert unknown == [0, 10, 20]


class TestOrganisation:
    def test_insert_update_delete_and_repeat(self) -> None:
        organisation = Organisation(conversations=4, surveys=0, seed=1)
        first, second, third, fourth = organisation.ids()
        before = organisation.conversations[1]["attributes"]["updatedAt"]

        new = organisation.insert()["id"]
        changed = organisation.update(1)["attributes"]
        organisation.delete(0)
        organisation.repeat(1)

        assert organisation.ids() == [second, third, third, fourth, new]
        assert (changed["updatedAt"] > before, changed["name"]) == (True, f"Revision {changed['rev']}")
        assert max(organisation.ids()) == new > first

    def test_records_can_be_put_and_changed_in_place(self) -> None:
        with Sandbox(conversations=4) as sandbox:
            rows = sandbox.organisation.conversations
            rows[0] = {"id": "a", "attributes": {"name": "\ud800", "rev": 2**70}}
            rows[1]["attributes"]["name"] = "changed"
            rows.set_raw(2, b'{"id": "c", "attributes": {"priority": 1e999}}')

            page = get(sandbox, CONVERSATIONS)
            assert b'"name":"\\ud800","rev":1180591620717411303424' in page.body
            assert page.json()["data"][1]["attributes"]["name"] == "changed"
            assert b'{"id": "c", "attributes": {"priority": 1e999}}' in page.body

    def test_a_deletion_while_paging_hides_a_row(self) -> None:
        with Sandbox(conversations=6) as sandbox:
            ids = sandbox.organisation.ids()
            sandbox.add_fault(Fault(page=2, does=lambda organisation: organisation.delete(0)))

            read = get_page(sandbox, 1).ids() + get_page(sandbox, 2).ids() + get_page(sandbox, 3).ids()
            assert read == [*ids[:2], *ids[3:]]

    def test_an_insertion_while_paging_newest_first_repeats_a_row(self) -> None:
        with Sandbox(conversations=4, paging=Paging(descending=True)) as sandbox:
            ids = sandbox.organisation.ids()
            sandbox.add_fault(Fault(page=2, does=Organisation.insert))

            assert get_page(sandbox, 1).ids() + get_page(sandbox, 2).ids() == [ids[3], ids[2], ids[2], ids[1]]


class TestPaging:
    @pytest.mark.parametrize(
        ("paging", "rows", "more"),
        [
            (Paging(cap=2), [2, 2, 0, 0], [True, False, False, False]),
            (Paging(cap=2, promises_more=True), [2, 2, 0, 0], [True, True, True, True]),
            (Paging(cap=2, promises_more=True, beyond="repeated"), [2, 2, 2, 2], [True, True, True, True]),
            (Paging(promises_more=True), [2, 2, 2, 0], [True, True, True, True]),
        ],
    )
    def test_a_list_that_is_cut_off(self, paging: Paging, rows: list[int], more: list[bool]) -> None:
        with Sandbox(conversations=6, paging=paging) as sandbox:
            pages = [get_page(sandbox, page).json() for page in (1, 2, 3, 4)]

            assert [len(page["data"]) for page in pages] == rows
            assert [page["links"]["next"] is not None for page in pages] == more

    def test_the_repeated_page_is_the_last_one(self) -> None:
        with Sandbox(conversations=6, paging=Paging(cap=2, beyond="repeated")) as sandbox:
            assert get_page(sandbox, 3).ids() == get_page(sandbox, 2).ids() == sandbox.organisation.ids()[2:4]

    @pytest.mark.parametrize("status", [400, 422])
    def test_a_refused_page_after_a_promise(self, status: int) -> None:
        paging = Paging(cap=2, promises_more=True, beyond="refused", refusal_status=status)
        with Sandbox(conversations=6, paging=paging) as sandbox:
            assert get_page(sandbox, 2).json()["links"]["next"] == "/v1/conversations?page=3&pageSize=2"
            assert get_page(sandbox, 3).status == status

    def test_exactly_100_full_pages(self) -> None:
        with Sandbox(conversations=10_000) as sandbox:
            page = get(sandbox, f"{CONVERSATIONS}?page=100").json()

            assert (len(page["data"]), page["links"]["next"]) == (100, None)

    @pytest.mark.parametrize(
        ("links", "following"),
        [
            ("relative", "/v1/conversations?page=2&pageSize=2"),
            ("absolute", "http://127.0.0.1:{port}/v1/conversations?page=2&pageSize=2"),
            ("other_host", "http://localhost:{port}/v1/conversations?page=2&pageSize=2"),
            ("itself", "/v1/conversations?page=1&pageSize=2"),
        ],
    )
    def test_links(self, links: Any, following: str) -> None:
        with Sandbox(conversations=6, paging=Paging(links=links)) as sandbox:
            assert get_page(sandbox, 1).json()["links"]["next"] == following.format(port=sandbox.port)

    def test_links_may_be_absent(self) -> None:
        with Sandbox(conversations=6, paging=Paging(links="absent")) as sandbox:
            assert set(get_page(sandbox, 1).json()) == {"meta", "data"}

    def test_sort_may_be_refused(self) -> None:
        with Sandbox(paging=Paging(sort_refused=True)) as sandbox:
            assert get(sandbox, f"{CONVERSATIONS}?sort=desc").status == 400
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_an_id_twice_on_a_page_and_across_pages(self) -> None:
        with Sandbox(conversations=4) as sandbox:
            sandbox.organisation.repeat(0)
            sandbox.organisation.repeat(3)

            first, second, third = (get_page(sandbox, page).ids() for page in (1, 2, 3))
            assert first[0] == first[1]
            assert second[1] == third[0]


class TestLimits:
    def test_a_fixed_window_opens_anew(self) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=2, window_seconds=60), lambda: now[0])

        def admit_at(seconds: float) -> bool:
            now[0] = EPOCH + seconds
            return limits.admit()[0]

        assert [admit_at(s) for s in (0, 50, 59, 60, 60, 119)] == [True, True, False, True, True, False]

    def test_a_sliding_window_looks_back(self) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=2, window_seconds=60, window="sliding"), lambda: now[0])

        def admit_at(seconds: float) -> bool:
            now[0] = EPOCH + seconds
            return limits.admit()[0]

        assert [admit_at(s) for s in (0, 50, 59, 60, 109, 110)] == [True, True, False, True, False, True]

    @pytest.mark.parametrize(
        ("rule", "admitted", "refused"),
        [
            (
                RateLimit(requests=1),
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000060"},
            ),
            (
                RateLimit(requests=1, headers="on_429", reset="delta"),
                {},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "50"},
            ),
            (RateLimit(requests=1, headers="never", retry_after="seconds"), {}, {"retry-after": "50"}),
            (
                RateLimit(requests=1, headers="never", retry_after="date"),
                {},
                {"retry-after": "Fri, 15 Jan 2027 08:01:00 GMT"},
            ),
            (
                RateLimit(requests=1, reset=None, window="sliding"),
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
                {"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"},
            ),
        ],
    )
    def test_headers(self, rule: RateLimit, admitted: dict[str, str], refused: dict[str, str]) -> None:
        now = [EPOCH]
        limits = Limits(rule, lambda: now[0])

        assert limits.admit() == (True, admitted)
        now[0] += 10
        assert limits.admit() == (False, refused)

    def test_absurd_headers_are_never_a_number_to_go_by(self) -> None:
        limits = Limits(RateLimit(requests=1, headers="absurd"), lambda: EPOCH)

        told = [limits.admit()[1]["x-ratelimit-limit"] for _ in range(4)]
        assert sorted(told) == ["", "0", "9" * 30, "lots"]

    def test_the_limit_changes_in_mid_run(self) -> None:
        limits = Limits(RateLimit(requests=5, changes_after=2, changes_to=3), lambda: EPOCH)

        told = [(admitted, headers["x-ratelimit-limit"]) for admitted, headers in (limits.admit() for _ in range(4))]
        assert told == [(True, "5"), (True, "5"), (True, "3"), (False, "3")]

    @pytest.mark.parametrize("window", ["fixed", "sliding"])
    def test_others_spend_a_part(self, window: Any) -> None:
        now = [EPOCH]
        limits = Limits(RateLimit(requests=10, window=window, others_per_second=0.1), lambda: now[0])
        limits.take(2)
        now[0] += 59

        admitted = [limits.admit()[0] for _ in range(5)]
        assert admitted.count(True) == {"fixed": 3, "sliding": 2}[window]

    def test_a_429_over_http(self) -> None:
        with Sandbox(limit=RateLimit(requests=1, retry_after="seconds"), clock=lambda: EPOCH) as sandbox:
            first, second = get(sandbox, SURVEYS), get(sandbox, SURVEYS)

            assert (first.status, first.headers["x-ratelimit-remaining"]) == (200, "0")
            assert (second.status, second.headers["Retry-After"]) == (429, "60")
            assert second.headers["x-ratelimit-reset"] == "1800000060"
            assert second.json()["errors"][0]["code"] == "rate_limit_exceeded"

    def test_a_rule_replaced_in_mid_run(self) -> None:
        with Sandbox(limit=RateLimit(requests=1)) as sandbox:
            assert sandbox.limits
            first, second = get(sandbox, SURVEYS).status, get(sandbox, SURVEYS).status
            sandbox.limits.rule = RateLimit(requests=2)

            assert (first, second, get(sandbox, SURVEYS).status) == (200, 429, 200)


class TestWhichRequestsAreStruck:
    def strikes(self, fault: Fault, *, seed: int = 1) -> list[str]:
        """Two rounds over both tables and the key check; which answers were spoilt."""
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
        ("fault", "struck"),
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
    def test_rule(self, fault: Fault, struck: list[str]) -> None:
        assert self.strikes(fault) == struck

    def test_probability_is_decided_by_the_seed(self) -> None:
        first, again, other = (self.strikes(Fault(probability=0.5), seed=seed) for seed in (1, 1, 2))

        assert first == again != other
        assert 0 < len(first) < 10

    def test_several_faults_strike_together(self) -> None:
        faults = [Fault(status=503), Fault(headers={"Retry-After": "1"})]
        with Sandbox(faults=faults) as sandbox:
            reply = get(sandbox, SURVEYS)

            assert (reply.status, reply.headers["Retry-After"]) == (503, "1")

    def test_only_good_answers_are_spoilt(self) -> None:
        with Sandbox(faults=[Fault(status=500, times=1)], limit=RateLimit(requests=1)) as sandbox:
            wrong_key = get(sandbox, SURVEYS, headers={}).status

            assert (wrong_key, get(sandbox, SURVEYS).status, get(sandbox, SURVEYS).status) == (401, 500, 429)

    def test_faults_can_be_dropped(self) -> None:
        with Sandbox(faults=[Fault(status=500)]) as sandbox:
            sandbox.clear_faults()

            assert get(sandbox, SURVEYS).status == 200


class TestSpoiltAnswers:
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
            ("text-503", 503, "text/plain", b"upstream said: the sandbox was told to fail\n"),
            (
                "error-200",
                200,
                "application/json; charset=utf-8",
                b'{"errors":[{"code":"error","message":"the sandbox was told to fail","meta":{}}]}',
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

    def test_the_second_shape_of_errors(self) -> None:
        with Sandbox(faults=[CATALOGUE["detail-500"]]) as sandbox:
            reply = get(sandbox, SURVEYS)

            message = "the sandbox was told to fail"
            error = {"status": "500", "code": "error", "title": message, "detail": message, "source": {}}
            assert (reply.status, reply.json()) == (500, {"errors": [error]})

    def test_no_rows_in_the_middle(self) -> None:
        with Sandbox(conversations=6, faults=[replace(CATALOGUE["no-rows"], page=2)]) as sandbox:
            page = get_page(sandbox, 2).json()

            assert (page["data"], page["links"]["next"]) == ([], "/v1/conversations?page=3&pageSize=2")

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


class TestWire:
    def test_compressed_for_those_who_accept_it(self) -> None:
        with Sandbox(compress=True) as sandbox:
            plain, packed = get(sandbox, SURVEYS), get(sandbox, SURVEYS, {**KEY, "Accept-Encoding": "gzip, deflate"})

            assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
            assert gzip.decompress(packed.body) == plain.body

    @pytest.mark.parametrize(("name", "error"), [("gzip-lie", gzip.BadGzipFile), ("gzip-truncated", EOFError)])
    def test_broken_compression(self, name: str, error: type[Exception]) -> None:
        with Sandbox(compress=True, faults=[CATALOGUE[name]]) as sandbox:
            reply = get(sandbox, SURVEYS, {**KEY, "Accept-Encoding": "gzip"})

            assert reply.headers["Content-Encoding"] == "gzip"
            with pytest.raises(error):
                gzip.decompress(reply.body)

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("reset-before", ConnectionResetError),
            ("reset-in-body", ConnectionResetError),
            ("close-in-body", http.client.IncompleteRead),
        ],
    )
    def test_answers_that_break_off(self, name: str, error: type[Exception]) -> None:
        with Sandbox(faults=[replace(CATALOGUE[name], times=1)]) as sandbox:
            with pytest.raises(error):
                get(sandbox, CONVERSATIONS)

            assert sandbox.requests[0].status == (None if name == "reset-before" else 200)
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_half_of_a_page_with_the_length_of_the_half(self) -> None:
        with Sandbox(faults=[replace(CATALOGUE["half-json"], times=1)]) as sandbox:
            half, whole = get(sandbox, SURVEYS).body, get(sandbox, SURVEYS).body

            assert half == whole[: len(whole) // 2]

    def test_a_huge_page_is_valid(self) -> None:
        with Sandbox(conversations=2, faults=[replace(CATALOGUE["huge"], padding_mb=2)]) as sandbox:
            reply = get(sandbox, CONVERSATIONS)

            assert (reply.headers["Content-Length"], len(reply.body) > 2_000_000) == (None, True)
            assert reply.ids() == sandbox.organisation.ids()

    @pytest.mark.parametrize("name", ["huge", "trickle"])
    def test_an_endless_answer_ends_when_the_client_leaves(self, name: str) -> None:
        with Sandbox(faults=[replace(CATALOGUE[name], trickle_seconds=0.01)]) as sandbox:
            connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
            connection.request("GET", CONVERSATIONS, headers=KEY)
            response = connection.getresponse()
            response.read(200)
            response.close()
            connection.close()

            deadline = time.monotonic() + 5
            while sandbox.requests[0].ended is None and time.monotonic() < deadline:
                time.sleep(0.005)
            assert sandbox.requests[0].ended is not None

    def test_a_trickle_comes_in_pieces(self) -> None:
        fault = Fault(body=b"0123456789", trickle_bytes=4, trickle_seconds=0.01)
        with Sandbox(faults=[fault]) as sandbox:
            reply = get(sandbox, SURVEYS)

            request = sandbox.requests[0]
            assert reply.body == b"0123456789"
            assert request.started is not None
            assert time.monotonic() - request.started >= 0.02

    def test_latency_jitter_and_one_slow_page(self) -> None:
        slow = replace(CATALOGUE["slow"], page=2, wait_seconds=0.03)
        with Sandbox(latency_seconds=0.01, jitter_seconds=0.005, faults=[slow]) as sandbox:
            get_page(sandbox, 1)
            get_page(sandbox, 2)

            waits = [(request.started or 0) - request.at for request in sandbox.requests]
            assert (waits[0] >= 0.01, waits[1] >= 0.04) == (True, True)

    def test_the_clock_of_the_server(self) -> None:
        with Sandbox(clock=lambda: EPOCH) as sandbox:
            date = get(sandbox, SURVEYS).headers["Date"]

            assert parsedate_to_datetime(date).timestamp() == EPOCH

    def test_a_server_that_dies(self) -> None:
        with Sandbox(faults=[replace(CATALOGUE["dies"], after=1)]) as sandbox:
            first = get(sandbox, SURVEYS).status
            with pytest.raises(http.client.RemoteDisconnected):
                get(sandbox, SURVEYS)

            assert (first, sandbox.requests[1].status) == (200, None)
            with pytest.raises(ConnectionRefusedError):
                get(sandbox, SURVEYS)

    def test_requests_are_recorded(self) -> None:
        with Sandbox() as sandbox:
            get(sandbox, f"{CONVERSATIONS}?page=3&sort=desc")
            get(sandbox, f"{CONVERSATIONS}?page=3&sort=desc")
            get(sandbox, "/v1/auth/tokens/current", headers={"Host": "localhost"})

        [_, second, third] = sandbox.requests
        assert second.at <= (second.started or 0) <= (second.ended or 0)
        assert replace(second, at=0, started=0, ended=0) == Request(
            path="/v1/conversations?page=3&sort=desc",
            table="conversations",
            page=3,
            descending=True,
            attempt=2,
            host=f"127.0.0.1:{sandbox.port}",
            at=0,
            started=0,
            ended=0,
            status=200,
        )
        assert (third.table, third.page, third.host, third.status) == ("token", None, "localhost", 401)

    def test_nothing_is_left_behind(self) -> None:
        before = threading.active_count()
        with Sandbox(latency_seconds=30) as sandbox:
            idle, waiting = (socket.create_connection(("127.0.0.1", sandbox.port)) for _ in range(2))
            waiting.sendall(b"GET /v1/satisfaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-key\r\n\r\n")
            while not sandbox.requests:
                time.sleep(0.001)

        assert threading.active_count() == before
        assert (idle.recv(1), waiting.recv(1)) == (b"", b"")
        idle.close()
        waiting.close()


class TestCommandLine:
    def test_options(self) -> None:
        sandbox = build_sandbox(
            [
                *("--conversations", "7", "--surveys", "2", "--seed", "3", "--unknown-every", "2", "--key", "k"),
                *("--port", "0", "--latency-seconds", "0.5", "--jitter-seconds", "0.1", "--compress", "--expired"),
                *("--missing-role", "conversations", "--missing-role", "satisfaction=403"),
                *("--clock-offset-seconds", "86400"),
                *("--limit-requests", "300", "--limit-window", "sliding", "--limit-reset", "none"),
                *("--limit-others-per-second", "0.5", "--paging-cap", "100", "--paging-beyond", "refused"),
                *("--paging-promises-more", "--fault", "reset-before:table=conversations,page=3,times=1"),
                *("--fault", "status-503:probability=0.05,after=1,attempt=2", "--fault", "dies"),
            ]
        )

        expected = Sandbox(
            conversations=7,
            surveys=2,
            seed=3,
            unknown_every=2,
            key="k",
            latency_seconds=0.5,
            jitter_seconds=0.1,
            compress=True,
            expired=True,
            missing_roles={"conversations": 401, "satisfaction": 403},
            limit=RateLimit(requests=300, window="sliding", reset=None, others_per_second=0.5),
            paging=Paging(cap=100, beyond="refused", promises_more=True),
            faults=[
                Fault(cut="before", table="conversations", page=3, times=1),
                Fault(status=503, probability=0.05, after=1, attempt=2),
                Fault(dies=True),
            ],
        )
        ours = {"clock", "organisation", "limits"}
        names = [field.name for field in fields(Sandbox) if field.name not in ours]
        assert [getattr(sandbox, name) for name in names] == [getattr(expected, name) for name in names]
        assert sandbox.clock() - time.time() == pytest.approx(86_400, abs=5)

    def test_all_defaults(self) -> None:
        sandbox = build_sandbox([])

        assert (sandbox.limit, sandbox.paging, sandbox.faults) == (None, Paging(), [])

    @pytest.mark.parametrize("fault", ["no-such", "dies:colour=red", "dies:page=x"])
    def test_a_misspelt_fault_is_an_error(self, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_:
            build_sandbox(["--fault", fault])

        assert exit_.value.code == 2
        assert "see the end of --help" in capsys.readouterr().err

    def test_it_serves_until_interrupted(self) -> None:
        command = [sys.executable, "-m", "tests.standins.kustomer", "--conversations", "3"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            address = process.stdout.readline().strip()
            connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=5)
            connection.request("GET", CONVERSATIONS, headers=KEY)
            rows = len(json.loads(connection.getresponse().read())["data"])
            connection.close()
            process.send_signal(signal.SIGINT)

            assert (rows, process.stdout.read(), process.wait()) == (3, "{200: 1}\n", 0)


def test_the_readme_names_every_option_and_fault() -> None:
    readme = (ROOT / "tests/standins/kustomer/README.md").read_text(encoding="utf-8")
    made = {"requests", "organisation", "limits"}

    kinds = (Sandbox, RateLimit, Paging, Fault)
    names = {field.name for kind in kinds for field in fields(kind)} - made | set(CATALOGUE)
    assert {name for name in names if f"`{name}" not in readme} == set()
