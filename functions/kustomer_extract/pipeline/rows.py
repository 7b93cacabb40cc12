"""Turns pages into the lines of a chunk, and keeps the counts of the job."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from kustomer_extract.models import Evidence, Table
from kustomer_extract.transform import Transform, read_created_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kustomer_extract.config import Integration
    from kustomer_extract.models import Batch, Job, Page, Record
    from kustomer_extract.schema import Choice

_MAX_DRIFT_PATHS = 50
_MAX_CUSTOM_NAMES = 200
_MAX_LENGTH = 200  # characters of a path or a name: Kustomer chooses them, and every chunk writes them to the state


class RowReader:
    """Transforms pages, and counts.

    Attributes:
        job: The job with all counts up to the last page.
        left_out: Records of this reader's pages that are older than `history_start`.
    """

    def __init__(self, integration: Integration, choice: Choice, *, table: Table, batch: Batch, job: Job) -> None:
        self.job = job
        self.left_out = 0
        self._transform = Transform(choice, table=table, batch=batch)
        self._history_start = integration.history_start if table is Table.CONVERSATIONS else None

    def to_lines(self, page: Page) -> list[bytes]:
        """Transform the records of a page, without those before `history_start`."""
        selected = self._select(page.records)
        self.left_out += len(page.records) - len(selected)
        fitted = [self._transform(record.body) for record in selected]
        drift = Counter(chain.from_iterable(one.drift for one in fitted))
        names = Counter(chain.from_iterable(one.custom_names for one in fitted))
        lines = [one.line for one in fitted]
        self.job = replace(
            _add_evidence(self.job, page.evidence),
            rows=self.job.rows + len(lines),
            pages=self.job.pages + 1,
            bytes=self.job.bytes + page.size_bytes,
            retries=self.job.retries + page.retries,
            drift=_add(drift, self.job.drift, most=_MAX_DRIFT_PATHS),
            custom_names=_add(names, self.job.custom_names, most=_MAX_CUSTOM_NAMES),
        )
        return lines

    def reset(self) -> None:
        """Set the counts to 0, except that of repeated requests."""
        self.left_out = 0
        self.job = replace(_add_evidence(self.job, Evidence()), rows=0, pages=0, bytes=0, drift={}, custom_names={})

    def _select(self, records: Sequence[Record]) -> Sequence[Record]:
        if self._history_start is None:
            return records
        return [record for record in records if not _is_before(record, self._history_start)]


def _add_evidence(job: Job, evidence: Evidence) -> Job:
    return replace(
        job,
        expected_rows=evidence.expected_rows,
        proven_by=evidence.proven_by,
        short_pages=evidence.short_pages,
        unreadable_rows=evidence.unreadable_rows,
    )


def _is_before(record: Record, start: datetime) -> bool:
    """Whether a conversation was created before `start`. Without a readable `createdAt` it counts as newer."""
    created_at = read_created_at(record.body)
    return created_at is not None and created_at < start


def _add(new: Counter[str], known: Mapping[str, int], *, most: int) -> Mapping[str, int]:
    """Add counts, for at most `most` names. Long names are shortened."""
    if not new:
        return known
    total = dict(known)
    for path, count in new.items():
        shown = path if len(path) <= _MAX_LENGTH else f"{path[:_MAX_LENGTH]}…"
        if shown in total or len(total) < most:
            total[shown] = total.get(shown, 0) + count
    return total
