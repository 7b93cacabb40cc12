"""Chooses how conversations are read: by list, or by search if the list is capped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.http import take
from kustomer_extract.adapters.kustomer.lists import PAGES_OF_CAP, List
from kustomer_extract.adapters.kustomer.search.cursor import is_of_search
from kustomer_extract.adapters.kustomer.search.requests import ROLE
from kustomer_extract.errors import BrokenPage, NeedsPerson, RetryLater, RoleMissing, Truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Request
    from kustomer_extract.adapters.kustomer.search.cursor import Position
    from kustomer_extract.adapters.kustomer.search.reader import SearchReader
    from kustomer_extract.errors import ExtractError
    from kustomer_extract.models import Cursor, Page

CAP = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The list and the search, over the same conversations."""

    of_list: List
    search: SearchReader
    ask_all: Callable[[Sequence[Request]], Sequence[Answer | ExtractError]]
    key_cure: str

    def iter_pages(self, start: Cursor | None) -> Generator[Page]:
        """Yield all conversations, by list or by search. The cursor says which.

        If the list turns out to be capped, the search starts over: its first page discards what was read before.

        Raises:
            Truncated: neither of them has all conversations.
        """
        if start is not None and is_of_search(start):
            yield from self.search.iter_pages(start)
            return
        counted, other_end = self._look() if start is None else (None, None)
        if counted is not None and counted.expected > CAP and not self.list_goes_deeper():
            yield from self.search.iter_pages(self.search.begin(counted))
            return
        try:
            total = counted.expected if counted else None
            yield from replace(self.of_list, total=total, other_end=other_end).iter_pages(start)
        except Truncated as error:
            position = self._begin_search(error)
        else:
            return
        for number, page in enumerate(self.search.iter_pages(position)):
            yield replace(page, restart=number == 0)

    def _look(self) -> tuple[Position | None, Answer | ExtractError]:
        """Count by search, and look at the other end of the list, all at once.

        Returns:
            No position if the key may not search, or if it does not work now: the list can do without.
        """
        counts = (replace(request, is_explained=False) for request in self.search.to_counts())
        other_end, *answers = self.ask_all([self.of_list.to_other_end(), *counts])
        try:
            return self.search.to_position([take(answer) for answer in answers]), other_end
        except (NeedsPerson, RetryLater):
            return None, other_end

    def list_goes_deeper(self) -> bool:
        """Whether the list has new records on page 101."""
        try:
            last, beyond = (self.of_list.read_page(number, is_asked_again=False) for number in PAGES_OF_CAP)
        except BrokenPage:
            return False
        return bool(beyond.ids) and not set(last.ids) & set(beyond.ids)

    def _begin_search(self, error: Truncated) -> Position:
        """Start a search instead of the list, which is capped.

        Raises:
            Truncated: the key may not search, or the search does not work.
            RetryLater: the search does not work now.
        """
        try:
            return self.search.begin(self.search.count())
        except RoleMissing as missing:
            raise Truncated(
                f"{error}. Or let the key search: the way past a capped list needs the role {ROLE}. Roles are fixed "
                f"when a key is made, so make one with it, and with the roles of the old one, and {self.key_cure}"
            ) from missing
        except NeedsPerson:
            raise error from None
