"""The sandbox's search, users and teams are those of docs/kustomer-api.md, sections 4.5 and 4.6."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.kustomer.asking import CONVERSATIONS, Reply, get, post
from tests.standins.kustomer.calendar import END_MS, to_iso
from tests.standins.kustomer.endpoints import ROLES
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

SEARCH = "/v1/customers/search"
ARCHIVE = "/v1/customers/archive/search"
CREATED, UPDATED = "conversation_created_at", "conversation_updated_at"
NOW = END_MS / 1000  # after all records, and not more than two years after any of them
DAY = 86_400.0


def to_text(epoch_ms: float) -> str:
    return to_iso(int(epoch_ms)).decode()


def open_sandbox(**settings: Any) -> Sandbox:
    return Sandbox(**{"clock": lambda: NOW, **settings})


def search(sandbox: Sandbox, *criteria: Mapping[str, Any], path: str = SEARCH, size: int = 500, **more: Any) -> Reply:
    body = {"queryContext": "conversation", "and": list(criteria), **more}
    return post(sandbox, f"{path}?page=1&pageSize={size}", body)


def times(sandbox: Sandbox, name: str) -> dict[str, str]:
    """Map ids to times, in the order of the list."""
    page = get(sandbox, f"{CONVERSATIONS}?pageSize=100").json()
    return {record["id"]: record["attributes"][name] for record in page["data"]}


def total(reply: Reply) -> int:
    counted: int = reply.json()["meta"]["total"]
    return counted


def pair(found: Reply) -> tuple[int, list[str]]:
    """Return what a search counts, and what it returns."""
    return total(found), sorted(found.ids())


class TestWhatIsFound:
    def test_an_answer(self) -> None:
        with open_sandbox(conversations=3) as sandbox:
            page = post(
                sandbox,
                f"{SEARCH}?page=2&pageSize=2",
                {"queryContext": "conversation", "and": [], "sort": [{CREATED: "asc"}]},
            ).json()

            assert page == {
                "meta": {"pageSize": 2, "page": 2, "total": 3, "totalPages": 2},
                "links": {
                    "self": f"{SEARCH}?page=2&pageSize=2",
                    "first": f"{SEARCH}?page=1&pageSize=2",
                    "prev": f"{SEARCH}?page=1&pageSize=2",
                    "next": None,
                    "last": f"{SEARCH}?page=2&pageSize=2",
                },
                "data": [sandbox.organisation.conversations[2]],
            }

    @pytest.mark.parametrize("name", ["createdAt", "updatedAt"])
    @pytest.mark.parametrize(("operator", "slack"), [("gte", (0, 0)), ("gt", (1, 0)), ("lt", (0, 0)), ("lte", (0, 1))])
    def test_operators(self, name: str, operator: str, slack: tuple[int, int]) -> None:
        attribute = {"createdAt": CREATED, "updatedAt": UPDATED}[name]
        with open_sandbox(conversations=40) as sandbox:
            ordered = sorted(times(sandbox, name).items(), key=lambda item: item[1])
            moment = ordered[15][1]

            found = search(sandbox, {attribute: {operator: moment}})

            wanted = ordered[15 + slack[0] :] if operator in {"gt", "gte"} else ordered[: 15 + slack[1]]
            assert pair(found) == (len(wanted), sorted(identifier for identifier, _ in wanted))

    def test_two_criteria_make_a_window(self) -> None:
        with open_sandbox(conversations=100) as sandbox:
            created = list(times(sandbox, "createdAt").items())

            found = search(sandbox, {CREATED: {"gte": created[20][1]}}, {CREATED: {"lt": created[50][1]}})

            assert pair(found) == (30, [identifier for identifier, _ in created[20:50]])

    def test_a_record_that_a_test_has_read_is_found_as_before(self) -> None:
        with open_sandbox(conversations=10) as sandbox:
            before = pair(search(sandbox))
            [record["id"] for record in sandbox.organisation.conversations]

            assert pair(search(sandbox)) == before == (10, sandbox.organisation.ids())

    def test_ids_only(self) -> None:
        with open_sandbox(conversations=3) as sandbox:
            page = post(sandbox, f"{SEARCH}?idsOnly=true&pageSize=2", {"queryContext": "conversation"}).json()

            ids = sandbox.organisation.ids()
            assert page["data"] == [{"type": "conversation", "id": ids[2]}, {"type": "conversation", "id": ids[1]}]
            assert page["links"]["next"] == f"{SEARCH}?page=2&pageSize=2&idsOnly=true"

    def test_a_record_without_a_time_is_only_found_by_not_set(self) -> None:
        with open_sandbox(conversations=5) as sandbox:
            del sandbox.organisation.conversations[1]["attributes"]["createdAt"]
            identifier = sandbox.organisation.ids()[1]

            assert total(search(sandbox)) == 5
            assert total(search(sandbox, {CREATED: {"lt": "2100-01-01"}})) == 4
            assert search(sandbox, {CREATED: {"not_set": ""}}).ids() == [identifier]

    def test_deleted_records(self) -> None:
        with open_sandbox(conversations=3) as sandbox:
            sandbox.organisation.conversations[0]["attributes"]["deleted"] = True

            counts = [total(search(sandbox, includeDeleted=included)) for included in (False, True)]
            unsaid = total(search(sandbox))
            sandbox.search = Search(deleted_included=True)
            assert (counts, unsaid, total(search(sandbox))) == ([2, 3], 2, 3)

    def test_hidden_records_are_counted_and_not_returned(self) -> None:
        with open_sandbox(conversations=10, hide_every=5) as sandbox:
            found = search(sandbox)

            assert (total(found), len(found.ids())) == (10, 8)
            assert len(get(sandbox, CONVERSATIONS).ids()) == 8
            assert get(sandbox, f"{CONVERSATIONS}/{sandbox.organisation.ids()[5]}").status == 404

    def test_a_burst_has_one_creation_time(self) -> None:
        with open_sandbox(conversations=1500, burst=600) as sandbox:
            moment = sandbox.organisation.conversations[750]["attributes"]["createdAt"]

            found = search(sandbox, {CREATED: {"gte": moment}}, {CREATED: {"lte": moment}})

            assert (total(found), len(found.ids())) == (600, 500)


class TestBorders:
    def test_standard_search_and_archive_have_each_record_once(self) -> None:
        with open_sandbox(conversations=100, search=Search(standard_days=365)) as sandbox:
            updated = times(sandbox, "updatedAt")
            standard, archive = search(sandbox), search(sandbox, path=ARCHIVE)

            border = to_text((NOW - 365 * DAY) * 1000)
            assert sorted(standard.ids()) == sorted(it for it, moment in updated.items() if moment >= border)
            assert sorted(standard.ids() + archive.ids()) == sandbox.organisation.ids()
            assert 20 < total(archive) < 80

    def test_page_100_links_to_a_page_that_is_refused(self) -> None:
        with open_sandbox(conversations=205) as sandbox:
            hundredth = post(sandbox, f"{SEARCH}?page=100&pageSize=2", {"queryContext": "conversation"})
            beyond = post(sandbox, f"{SEARCH}?page=101&pageSize=2", {"queryContext": "conversation"})
            sandbox.search = Search(promises_less=True)
            again = post(sandbox, f"{SEARCH}?page=100&pageSize=2", {"queryContext": "conversation"})

            assert (len(hundredth.ids()), beyond.status) == (2, 400)
            assert hundredth.json()["links"]["next"] == f"{SEARCH}?page=101&pageSize=2"
            assert again.json()["links"]["next"] is None

    def test_a_search_with_too_many_hits_fails_and_a_count_does_not(self) -> None:
        with open_sandbox(conversations=30, search=Search(wide_rows=20, wide_status=503)) as sandbox:
            created = list(times(sandbox, "createdAt").values())

            assert search(sandbox).status == 503
            assert total(search(sandbox, size=1)) == 30
            assert search(sandbox, {CREATED: {"gte": created[15]}}).status == 200

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ([], "the body must be a JSON object"),
            ({}, "the sandbox knows the queryContext conversation only"),
            ({"queryContext": "conversation", "limit": 5}, "unknown keys: limit"),
            ({"queryContext": "conversation", "or": [{}]}, "the sandbox knows criteria in `and` only"),
            ({"queryContext": "conversation", "and": {}}, "`and` must be a list"),
            ({"queryContext": "conversation", "and": [{}]}, "a criterion must have one attribute"),
            (
                {"queryContext": "conversation", "and": [{"name": {"gte": 1}}]},
                "the sandbox does not know the attribute name",
            ),
            ({"queryContext": "conversation", "and": [{CREATED: 1}]}, "an attribute must have one operator"),
            ({"queryContext": "conversation", "and": [{CREATED: {"gte": "soon"}}]}, "'soon' is not a date"),
            (
                {"queryContext": "conversation", "and": [{CREATED: {"equals": "2026-01-01"}}]},
                "the sandbox does not know the operator equals",
            ),
            ({"queryContext": "conversation", "sort": [{"name": "asc"}]}, "the sandbox sorts by one time, asc or desc"),
        ],
    )  # fmt: skip
    def test_an_invalid_body_is_refused(self, body: object, message: str) -> None:
        with open_sandbox(conversations=3) as sandbox:
            reply = post(sandbox, SEARCH, body)

            assert (reply.status, reply.json()["errors"][0]["message"]) == (400, message)

    @pytest.mark.parametrize(
        ("rule", "body"),
        [
            (Search(not_set_refused=True), {"and": [{CREATED: {"not_set": ""}}]}),
            (Search(sort_refused=True), {"sort": [{CREATED: "asc"}]}),
        ],
    )
    def test_features_can_be_refused(self, rule: Search, body: dict[str, Any]) -> None:
        with open_sandbox(conversations=3, search=rule) as sandbox:
            assert post(sandbox, SEARCH, {"queryContext": "conversation", **body}).status == 400
            assert post(sandbox, SEARCH, {"queryContext": "conversation"}).status == 200

    @pytest.mark.parametrize("query", ["page=0", "pageSize=501", "page=x"])
    def test_parameters_out_of_bounds_are_refused(self, query: str) -> None:
        with open_sandbox(conversations=3) as sandbox:
            assert post(sandbox, f"{SEARCH}?{query}", {"queryContext": "conversation"}).status == 400


class TestChanges:
    def test_changes_are_found_late(self) -> None:
        now = [NOW]
        with open_sandbox(conversations=6, clock=lambda: now[0], search=Search(late_seconds=5)) as sandbox:
            before = sandbox.organisation.ids()
            gone = before[0]
            sandbox.organisation.delete(0)
            changed = sandbox.organisation.update(1)["id"]
            new = sandbox.organisation.insert()["id"]
            recent = {UPDATED: {"gte": to_text(NOW * 1000)}}

            now[0] = NOW + 4.9
            assert (pair(search(sandbox)), search(sandbox, recent).ids()) == ((6, before), [])

            now[0] = NOW + 5
            assert pair(search(sandbox)) == (6, sorted({*before, new} - {gone}))
            assert sorted(search(sandbox, recent).ids()) == sorted([changed, new])

    def test_direct_changes_are_found_at_once(self) -> None:
        with open_sandbox(conversations=3, search=Search(late_seconds=5)) as sandbox:
            sandbox.organisation.conversations[1]["attributes"]["createdAt"] = "2030-01-01T00:00:00.000Z"

            found = search(sandbox, {CREATED: {"gte": "2029-01-01"}})
            assert found.ids() == [sandbox.organisation.ids()[1]]

    def test_changes_have_the_time_of_the_server(self) -> None:
        with open_sandbox(conversations=3) as sandbox:
            new, changed = sandbox.organisation.insert(), sandbox.organisation.update(0)

            moment = to_text(NOW * 1000)
            assert (new["attributes"]["createdAt"], changed["attributes"]["updatedAt"]) == (moment, moment)
            assert int(new["id"][:8], 16) == NOW

    def test_an_update_moves_a_record_out_of_the_archive(self) -> None:
        with open_sandbox(conversations=4, search=Search(standard_days=1)) as sandbox:
            assert total(search(sandbox, path=ARCHIVE)) == 4
            sandbox.organisation.update(2)

            assert (total(search(sandbox)), total(search(sandbox, path=ARCHIVE))) == (1, 3)

    def test_rows_change_while_they_are_read(self) -> None:
        with open_sandbox(conversations=5) as sandbox:
            sandbox.add_fault(Fault(table="search", attempt=2, does=lambda it: it.delete(0)))

            assert [total(search(sandbox)) for _ in range(3)] == [5, 4, 4]


class TestKeysAndLimits:
    @pytest.mark.parametrize("path", [SEARCH, ARCHIVE])
    def test_a_key_without_the_role(self, path: str) -> None:
        with open_sandbox(conversations=3, missing_roles={"search": 403}) as sandbox:
            reply = search(sandbox, path=path)

            assert reply.status == 403
            assert reply.json()["errors"][0]["message"] == f"The key lacks the role {ROLES['search']}"
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_search_has_its_own_limit(self) -> None:
        limits = {"limit": RateLimit(requests=7), "search_limit": RateLimit(requests=1)}
        with open_sandbox(conversations=3, **limits) as sandbox:
            first, second, listed = search(sandbox), search(sandbox), get(sandbox, CONVERSATIONS)

            assert [reply.status for reply in (first, second, listed)] == [200, 429, 200]
            assert (first.headers["x-ratelimit-limit"], listed.headers["x-ratelimit-remaining"]) == ("1", "6")
            assert second.headers["x-ratelimit-reset"] == str(int(NOW) + 60)

    def test_a_total_may_be_wrong_once(self) -> None:
        with open_sandbox(conversations=3, faults=[Fault(table="search", total_off=2, times=1)]) as sandbox:
            assert [total(search(sandbox)) for _ in range(2)] == [5, 3]

    def test_searches_are_recorded_with_their_bodies(self) -> None:
        with open_sandbox(conversations=3) as sandbox:
            search(sandbox)
            search(sandbox, {CREATED: {"gte": "2020-01-01"}})
            search(sandbox)

            asked = [(request.table, request.page, request.attempt) for request in sandbox.requests]
            assert asked == [("search", 1, 1), ("search", 1, 1), ("search", 1, 2)]
            assert b"2020-01-01" in sandbox.requests[1].body


class TestPeople:
    def test_users_and_teams_are_lists_of_up_to_500(self) -> None:
        with open_sandbox() as sandbox:
            users, teams = get(sandbox, "/v1/users?pageSize=500").json(), get(sandbox, "/v1/teams?pageSize=2").json()

            assert users["data"] == list(sandbox.organisation.users)
            assert teams["links"]["next"] == "/v1/teams?page=2&pageSize=2"
            assert get(sandbox, "/v1/teams?pageSize=501").status == 400

    def test_members_of_teams_are_users(self) -> None:
        with open_sandbox() as sandbox:
            members = {member for team in sandbox.organisation.teams for member in team["attributes"]["members"]}

            assert members <= set(sandbox.organisation.ids("users"))

    def test_former_users_are_listed_on_request(self) -> None:
        with open_sandbox() as sandbox:
            former = get(sandbox, "/v1/users?deleted=true")

            assert former.ids() == sandbox.organisation.ids("former users")
            assert not set(former.ids()) & set(get(sandbox, "/v1/users").ids())
            assert get(sandbox, "/v1/users?deleted=true&pending=true").status == 400

    @pytest.mark.parametrize("table", ["users", "teams"])
    def test_a_key_without_the_role(self, table: str) -> None:
        with open_sandbox(missing_roles={table: 401}) as sandbox:
            assert get(sandbox, f"/v1/{table}").status == 401
