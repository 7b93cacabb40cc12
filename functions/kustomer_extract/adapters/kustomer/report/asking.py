"""Asks for what the report looks at, once for each question, and remembers the answers and how each request went."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.lists import to_request
from kustomer_extract.errors import BrokenPage, ExtractError, KeyRejected, RoleMissing, Unwanted
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Attempt, Request
    from kustomer_extract.models import JsonObject

_ATTEMPTS = 2
_MISSING = {401, 403}


class NotSeenError(Exception):
    """Why something could not be looked at, in words that may be published: errors of ours name hosts."""


class Asking:
    """What was asked so far, and what came.

    Args:
        ask: Gets one answer; raises `Unwanted` when time is up.

    Attributes:
        attempts: Every request that was answered, refusals too.
    """

    def __init__(self, ask: Callable[[Request], Answer]) -> None:
        self.attempts: list[Attempt] = []
        self._ask = ask
        self._known: dict[tuple[object, ...], Answer | NotSeenError] = {}

    def get(self, request: Request) -> Answer:
        """Ask, unless that was asked before.

        Raises:
            NotSeenError: there is no answer to look at.
            KeyRejected: there will be none.
        """
        key = (request.path, *sorted(request.query.items()), request.body)
        if key not in self._known:
            self._known[key] = self._try(request)
        known = self._known[key]
        if isinstance(known, NotSeenError):
            raise known
        return known

    def read(self, table: Table, page: int = 1, *, newest_first: bool = False) -> Sequence[JsonObject]:
        """Read the records of a page of a list; raises as `get`."""
        request = to_request(table, page, newest_first=newest_first, is_asked_again=False)
        records: Sequence[JsonObject] = self.get(request).content["data"]
        return records

    @property
    def conversations(self) -> Sequence[JsonObject]:
        """Some conversations, old and new; raises as `get`."""
        pages = (self.read(Table.CONVERSATIONS, 1), self.read(Table.CONVERSATIONS, 1, newest_first=True))
        return list({str(record.get("id")): record for page in pages for record in page}.values())

    def count_statuses(self, since: int = 0) -> str:
        """Say how often each status was answered: ``12 x 200, 1 x 429``."""
        counts = Counter(attempt.status for attempt in self.attempts[since:])
        return ", ".join(f"{count} x {status}" for status, count in sorted(counts.items())) or "nothing"

    def _try(self, request: Request) -> Answer | NotSeenError:
        before = len(self.attempts)
        try:
            return self._ask(replace(request, attempts=_ATTEMPTS))
        except KeyRejected:
            raise
        except RoleMissing:
            first = next((one.status for one in self.attempts[before:] if one.status in _MISSING), None)
            return NotSeenError(f"not looked at: the key lacks the role `{request.role}` (answered with {first})")
        except Unwanted:
            return NotSeenError("not looked at: time was up")
        except BrokenPage as error:
            return NotSeenError(f"refused with {error.status_code}" if error.status_code else "the answer is no page")
        except ExtractError:
            return NotSeenError(f"no good answer: {self.count_statuses(before)}")


def collect_ids(records: Iterable[JsonObject]) -> set[str]:
    """Collect ids, as text."""
    return {str(record.get("id")) for record in records}
