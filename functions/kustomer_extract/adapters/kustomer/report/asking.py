"""Sends each request of the report once, and remembers the answers and all attempts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.lists import to_request
from kustomer_extract.errors import BrokenPage, ExtractError, KeyRejected, RoleMissing, Unanswered, Unwanted
from kustomer_extract.models import Table
from kustomer_extract.transform import read_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Attempt, Request
    from kustomer_extract.models import JsonObject

_ATTEMPTS = 2
_MISSING = {401, 403}


class Asking:
    """The requests so far, and their answers.

    Args:
        ask: Sends one request; raises `Unwanted` if time is up.

    Attributes:
        attempts: Every request that was answered, also with a refusal.
    """

    def __init__(self, ask: Callable[[Request], Answer]) -> None:
        self.attempts: list[Attempt] = []
        self._ask = ask
        self._known: dict[tuple[object, ...], Answer | Unanswered] = {}

    def get(self, request: Request) -> Answer:
        """Send a request, unless it was sent before.

        Raises:
            Unanswered: there is no answer.
            KeyRejected: the key is refused, so there will be no answers at all.
        """
        key = (request.path, *sorted(request.query.items()), request.body)
        if key not in self._known:
            self._known[key] = self._try(request)
        known = self._known[key]
        if isinstance(known, Unanswered):
            raise known
        return known

    def read(self, table: Table, page: int = 1, *, newest_first: bool = False) -> Sequence[JsonObject]:
        """Read the records of a page of a list; raises as `get`."""
        return self.read_page(to_request(table, page, newest_first=newest_first, is_asked_again=False))

    def read_page(self, request: Request) -> Sequence[JsonObject]:
        """Read the records of an answer; raises as `get`."""
        return [read_object(record.body) for record in self.get(request).content.records]

    @property
    def conversations(self) -> Sequence[JsonObject]:
        """Return some old and some new conversations; raises as `get`."""
        pages = (self.read(Table.CONVERSATIONS, 1), self.read(Table.CONVERSATIONS, 1, newest_first=True))
        return list({str(record.get("id")): record for page in pages for record in page}.values())

    def count_statuses(self, since: int = 0) -> str:
        """Return how often each status was answered: ``12 x 200, 1 x 429``."""
        counts = Counter(attempt.status for attempt in self.attempts[since:])
        return ", ".join(f"{count} x {status}" for status, count in sorted(counts.items())) or "nothing"

    def _try(self, request: Request) -> Answer | Unanswered:
        before = len(self.attempts)
        try:
            return self._ask(replace(request, attempts=_ATTEMPTS))
        except KeyRejected:
            raise
        except RoleMissing:
            first = next((one.status for one in self.attempts[before:] if one.status in _MISSING), None)
            return Unanswered(f"not looked at: the key lacks the role `{request.role}` (answered with {first})")
        except Unwanted:
            return Unanswered("not looked at: time was up")
        except BrokenPage as error:
            return Unanswered(f"refused with {error.status_code}" if error.status_code else "the answer is not a page")
        except ExtractError:
            return Unanswered(f"no good answer: {self.count_statuses(before)}")


def collect_ids(records: Iterable[JsonObject]) -> set[str]:
    """Collect ids, as text."""
    return {str(record.get("id")) for record in records}
