"""Sends the requests of one reading, which are cut off when its time is up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.http import take
from kustomer_extract.adapters.kustomer.prefetch import Prefetch
from kustomer_extract.errors import ExtractError, Unwanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kustomer_extract.adapters.kustomer.http import Answer, Http, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A client and a deadline.

    Attributes:
        is_late: Whether time is up.
    """

    http: Http
    is_late: Callable[[], bool]

    def ask(self, request: Request) -> Answer:
        """Get one answer. Raises as `Http.get`, and `Unwanted` if time is up."""
        (answer,) = self.ask_all([request])
        return take(answer)

    def ask_all(self, requests: Sequence[Request]) -> Sequence[Answer | ExtractError]:
        """Get several answers at once; like pages they are cut off when time is up, which only other threads can do.

        Raises:
            Unwanted: time is up.
        """
        plan = Prefetch(
            fetch=lambda number, is_wanted: (number, self._try(requests[number], is_wanted)),
            is_last=lambda outcome: outcome[0] == len(requests) - 1,
            in_flight=lambda: len(requests),
            is_late=self.is_late,
            interrupt=self.http.interrupt,
        )
        with closing(plan.iter_from(0)) as outcomes:
            answers = [answer for _, answer in outcomes]
        if len(answers) < len(requests):
            raise Unwanted
        return answers

    def _try(self, request: Request, is_wanted: Callable[[], bool]) -> Answer | ExtractError:
        try:
            return self.http.get(request, is_wanted)
        except Unwanted:
            raise
        except ExtractError as error:
            return error
