"""The normal responses of the API: a page, a search, one conversation, or the key check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tests.standins.kustomer import search
from tests.standins.kustomer.endpoints import LARGEST_PAGES, ROLES
from tests.standins.kustomer.exchange import Answer, refuse
from tests.standins.kustomer.paging import build_page

if TYPE_CHECKING:
    from tests.standins.kustomer.endpoints import Asked
    from tests.standins.kustomer.server import Sandbox


def answer_normally(served: Sandbox, asked: Asked, body: bytes) -> Answer:
    """Answer a request that the key and the rate limit allow."""
    if asked.table is None:
        return refuse(404, "No such path")
    if asked.table == "token":  # no documentation shows this body, so clients should read the status only
        roles = [role for name, role in ROLES.items() if name not in served.missing_roles]
        token = {"type": "token", "id": "6a01f0c2b7d3e94410aa0900", "attributes": {"roles": roles}}
        return Answer(status=200, body=msgspec.json.encode({"data": token}))
    if asked.table == "conversation":
        found = served.organisation.find(asked.identifier)
        return Answer(status=200, body=b'{"data":%b}' % found) if found else refuse(404, "No such conversation")
    paging = served.paging.of(asked.table)
    largest = max(LARGEST_PAGES.get(asked.table, search.LARGEST_PAGE), paging.accepted_page)
    if asked.query is None or asked.query.page_size > largest:
        return refuse(400, "page, pageSize or sort is out of bounds")
    if asked.role == "search":
        return search.answer_search(
            served.organisation,
            served.search,
            asked.query,
            body,
            archive=asked.table == "archive",
            now=served.clock(),
            ids_only=asked.ids_only,
        )
    hosts = {"absolute": served.url, "other_host": served.other_url}
    return build_page(served.organisation.rows(asked.rows), asked.query, paging, hosts=hosts)
