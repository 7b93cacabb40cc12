"""The endpoints: what a request asks for, and which role it needs.

Source: docs/kustomer-api.md, sections 2, 4.5 and 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.standins.kustomer import search
from tests.standins.kustomer.paging import LARGEST_PAGE, PageQuery, parse_query

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    "satisfaction": "org.permission.satisfaction.read",
    "conversations": "org.permission.conversation.read",
    "users": "org.permission.user.read",
    "teams": "org.permission.team.read",
    "search": "org.permission.search.create",
}
"""The roles, by their names in `Sandbox.missing_roles`."""

LARGEST_PAGES = {"satisfaction": LARGEST_PAGE, "conversations": LARGEST_PAGE, "users": 500, "teams": 500}
"""The documented limits. `Paging.accepted_page` may allow more."""

_MOST = 1000
_SEARCHES = {"/v1/customers/search": "search", "/v1/customers/archive/search": "archive"}
_ONE = "/v1/conversations/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for.

    Attributes:
        table: As in `Request`.
        query: The page. None if a parameter is out of bounds, or if the endpoint has no pages.
        rows: The list, by its name in `Organisation.rows`.
        identifier: The id of one conversation.
        ids_only: Whether a search asks for ids only.
    """

    table: str | None
    query: PageQuery | None = None
    rows: str = ""
    identifier: str = ""
    ids_only: bool = False

    @property
    def role(self) -> str | None:
        """The role of `ROLES` that it needs."""
        role = {"archive": "search", "conversation": "conversations"}.get(self.table or "", self.table)
        return role if role in ROLES else None


def parse_target(method: str, target: str) -> Asked:
    """Read the path and its parameters."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query))
    if method == "POST":
        wanted = {name: value for name, value in query.items() if name != "sort"}
        ids_only = query.get("idsOnly") == "true"
        page = parse_query(url.path, wanted, largest=search.LARGEST_PAGE, more="&idsOnly=true" if ids_only else "")
        return Asked(table=_SEARCHES.get(url.path), query=page, ids_only=ids_only)
    if url.path == "/v1/auth/tokens/current":
        return Asked(table="token")
    if url.path.startswith(_ONE):
        return Asked(table="conversation", identifier=unquote(url.path.removeprefix(_ONE)))
    table = url.path.removeprefix("/v1/")
    if table not in LARGEST_PAGES:
        return Asked(table=None)
    former = table == "users" and query.get("deleted") == "true"
    if table == "users" and "deleted" in query and "pending" in query:
        return Asked(table=table)
    page = parse_query(url.path, query, largest=_MOST, more="&deleted=true" if former else "")
    return Asked(table=table, query=page, rows="former users" if former else table)
