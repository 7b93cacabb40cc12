"""The sandbox pages, checks keys and keeps records as docs/kustomer-api.md describes Kustomer. Tested over HTTP."""

from __future__ import annotations

import http.client
from itertools import chain
from typing import Any

import pytest

from tests.contract.kustomer.asking import CONVERSATIONS, KEY, SURVEYS, get, get_page
from tests.standins.kustomer.endpoints import ROLES
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.paging import CapWay, Paging, cap_list
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation


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

    def test_one_conversation(self) -> None:
        with Sandbox(conversations=3) as sandbox:
            identifier = sandbox.organisation.ids()[1]
            found = get(sandbox, f"{CONVERSATIONS}/{identifier}")
            sandbox.organisation.delete(1)

            assert found.json()["data"]["id"] == identifier
            assert get(sandbox, f"{CONVERSATIONS}/{identifier}").status == 404

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

            roles = [role for role in ROLES.values() if role != "org.permission.satisfaction.read"]
            assert token["data"]["attributes"] == {"roles": roles}

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

    def test_a_missing_role_concerns_one_table(self) -> None:
        with Sandbox(missing_roles={"satisfaction": 403}) as sandbox:
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_a_request_without_a_key_is_refused_like_one_with_a_wrong_key(self) -> None:
        with Sandbox() as sandbox:
            assert get(sandbox, SURVEYS, headers={}).status == 401


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

    def test_records_can_be_replaced_and_changed(self) -> None:
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

    @pytest.mark.parametrize(
        ("way", "hundredth_links", "beyond"),
        [
            ("unlinked", False, (200, 0)),
            ("refused", True, (400, 0)),
            ("repeated", True, (200, 100)),
            ("empty", True, (200, 0)),
        ],
    )
    def test_a_list_that_is_capped_at_10_000(self, way: CapWay, hundredth_links: bool, beyond: tuple[int, int]) -> None:  # noqa: FBT001
        with Sandbox(conversations=10_050, paging=cap_list(way)) as sandbox:
            hundredth, next_one = (get(sandbox, f"{CONVERSATIONS}?page={page}") for page in (100, 101))

            assert (len(hundredth.ids()), hundredth.json()["links"]["next"] is not None) == (100, hundredth_links)
            assert (next_one.status, len(next_one.json().get("data", []))) == beyond

    def test_the_settings_may_apply_to_one_list_only(self) -> None:
        with Sandbox(conversations=6, surveys=6, paging=Paging(table="satisfaction", cap=1)) as sandbox:
            pages = [get_page(sandbox, 1, path).json() for path in (SURVEYS, CONVERSATIONS)]

            assert [page["links"]["next"] is None for page in pages] == [True, False]

    @pytest.mark.parametrize(("count", "pages"), [(4, [2, 2, 0]), (3, [2, 1])])
    def test_an_empty_page_after_a_full_one(self, count: int, pages: list[int]) -> None:
        with Sandbox(conversations=count, paging=Paging(empty_last=True)) as sandbox:
            replies = [get_page(sandbox, page) for page in range(1, len(pages) + 1)]

            assert [len(reply.ids()) for reply in replies] == pages
            assert [reply.json()["links"]["next"] is None for reply in replies] == [False] * (len(pages) - 1) + [True]

    def test_fewer_rows_in_a_page_than_requested(self) -> None:
        with Sandbox(conversations=120, paging=Paging(largest_page=50)) as sandbox:
            replies = [get(sandbox, f"{CONVERSATIONS}?page={page}") for page in (1, 2, 3)]

            assert [identifier for reply in replies for identifier in reply.ids()] == sandbox.organisation.ids()
            assert replies[0].json()["meta"] == {"pageSize": 50, "page": 1}

    def test_sort_may_have_no_effect(self) -> None:
        with Sandbox(conversations=3, paging=Paging(sort_ignored=True)) as sandbox:
            assert get(sandbox, f"{CONVERSATIONS}?sort=desc").ids() == sandbox.organisation.ids()

    def test_the_repeated_page_is_the_last_one(self) -> None:
        with Sandbox(conversations=6, paging=Paging(cap=2, beyond="repeated")) as sandbox:
            assert get_page(sandbox, 3).ids() == get_page(sandbox, 2).ids() == sandbox.organisation.ids()[2:4]

    @pytest.mark.parametrize("status", [400, 422])
    def test_a_refused_page_after_a_next_link(self, status: int) -> None:
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
