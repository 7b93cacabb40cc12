"""The proof that a search found everything: it compares what was read with two counts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.ids import to_made_ms
from kustomer_extract.adapters.kustomer.search.cursor import Sweep
from kustomer_extract.adapters.kustomer.search.requests import to_created_ms
from kustomer_extract.errors import Truncated

if TYPE_CHECKING:
    from kustomer_extract.adapters.kustomer.search.cursor import Position
    from kustomer_extract.adapters.kustomer.search.requests import Found
    from kustomer_extract.adapters.kustomer.search.windows import Window

MARGIN_MS = 15 * 60 * 1000  # the index is some seconds late, and clocks differ
_ARCHIVED_AFTER_MS = 700 * 86_400_000  # the archive has what has not changed for two years
_KEPT = "the published table stays as it is"


def prove(position: Position, remaining: int) -> None:
    """Compare the conversations read with the counts before and after. The smaller count must be reached.

    Conversations that were imported meanwhile with an old time are in the second count only. They are subtracted:
    otherwise they would make up for deletions, and what was deleted before it was read would look like a loss.

    Args:
        position: The end of the search.
        remaining: The second count.

    Raises:
        Truncated: fewer were read.
    """
    counted = min(position.settled, remaining - position.imported)
    if position.settled_rows < counted:
        raise Truncated(
            f"the search has accounted for {position.settled_rows} of {counted} conversations that are older than "
            f"this run: the extract is not whole; {_KEPT}. Run again; ask Kustomer's support if it stays so"
        )


def count_settled_rows(position: Position, window: Window, found: Found, missing: int) -> int:
    """Count the rows that `Position.settled` counts, too.

    In the catch-up these are conversations that may have left the archive before its sweep: those that are old enough
    to have been there. Counting all that changed meanwhile would hide the same number of missing ones.
    """
    if position.sweep is Sweep.CATCH_UP:
        border = position.began_at - _ARCHIVED_AFTER_MS
        return sum(
            created is not None and created < border and not _is_new(position, identifier)
            for identifier, created in _to_times(found).items()
        )
    limit = position.walk.limit
    is_settled = limit is not None and window.end is not None and window.end <= limit
    return len(set(found.ids)) + missing if is_settled else 0


def count_imported(position: Position, found: Found) -> int:
    """Count the conversations of the catch-up that came during the run, but say that they were created before it."""
    if position.sweep is not Sweep.CATCH_UP:
        return 0
    since, limit = position.since or 0, position.began_at - MARGIN_MS
    return sum(
        created is not None and since <= created < limit and _is_new(position, identifier)
        for identifier, created in _to_times(found).items()
    )


def _to_times(found: Found) -> dict[str, int | None]:
    return {str(record.id): to_created_ms(record) for record in found.records}


def _is_new(position: Position, identifier: str) -> bool:
    """Whether a record is younger than the run, by its id: an import has an old time, but a new id."""
    made = to_made_ms(identifier)
    return made is not None and made >= position.began_at - MARGIN_MS
