"""Reading by search from an index that is late, changes, hides rows and counts wrong: all rows, in few requests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from kustomer_extract.adapters.kustomer.content import Content
from kustomer_extract.adapters.kustomer.http import Answer, Request
from kustomer_extract.adapters.kustomer.search.cursor import Position, Sweep, is_of_search
from kustomer_extract.adapters.kustomer.search.reader import SearchReader
from kustomer_extract.adapters.kustomer.search.requests import CREATED, UPDATED, Place, to_text
from kustomer_extract.adapters.kustomer.search.windows import Walk
from kustomer_extract.errors import BrokenPage, RetryLater, Truncated
from kustomer_extract.events import TimelessUnanswered
from kustomer_extract.models import Cursor, Proof
from tests.records import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = int(datetime(2026, 11, 23, 3, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000


@dataclass
class Row:
    id: str
    created: int | None
    updated: int


@dataclass
class Index:
    """A fake of Kustomer's search, as documented: criteria on two times, 100 pages of 500, a total.

    Attributes:
        old: Ids of conversations that only the archive has.
        hidden: Ids that are counted and never returned.
        not_set: What the operator does: it works, is refused, finds everything, or fails (always or the first time).
        is_out: After the operator has failed, every request fails.
        fails: Windows with more rows than this fail.
        before: Called before each response.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    old: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    not_set: Literal["works", "refused", "ignored", "fails", "fails once"] = "works"
    is_out: bool = False
    fails: int | None = None
    before: Callable[[int], None] | None = None
    asked: list[Any] = field(default_factory=list)
    rested: float = 0.0
    failed: int = 0
    windows_read: dict[tuple[str, str], list[tuple[int | None, int | None]]] = field(default_factory=dict)
    warnings: list[TimelessUnanswered] = field(default_factory=list)

    def add(self, *times: int, prefix: str = "c") -> None:
        for time in times:
            identifier = f"{prefix}{len(self.rows):07d}"
            self.rows[identifier] = Row(identifier, time, time)

    def ask(self, request: Request) -> Answer:
        body = json.loads(request.body or b"")
        self.asked.append((request.path, body))
        if self.before:
            self.before(len(self.asked))
        assert body["queryContext"] == "conversation"
        assert body["includeDeleted"] is False
        criteria = [of for criterion in body["and"] for of in criterion.values()]
        (attribute,) = body["and"][0]
        is_archive = request.path == Place.ARCHIVE
        if is_unset := {"not_set": ""} in criteria:
            assert (attribute, len(criteria)) == (CREATED, 1)
            if self.not_set == "refused":
                raise BrokenPage("400", status_code=400)
            self.failed += self.not_set.startswith("fails")
            if self.not_set == "fails" or (self.not_set == "fails once" and self.failed == 1):
                raise RetryLater("504")
        elif self.is_out and self.failed:
            raise RetryLater("503")
        bounds = {op: to_ms(text) for of in criteria for op, text in of.items() if not is_unset}
        low, high = bounds.get("gte", 0), bounds.get("lt", 2**62)
        found = [
            row
            for row in self.rows.values()
            if (row.id in self.old) is is_archive
            and (
                (row.created is None or self.not_set == "ignored")
                if is_unset
                else (time := row.created if attribute == CREATED else row.updated) is not None and low <= time < high
            )
        ]
        size, page = int(request.query["pageSize"]), int(request.query["page"])
        if size > 1 and len(found) <= size and not is_unset:
            ends = (bounds.get("gte"), bounds.get("lt"))
            self.windows_read.setdefault((request.path, attribute), []).append(ends)
        if self.fails is not None and len(found) > self.fails and size > 1:
            raise RetryLater("504")
        assert page <= 100
        data = [
            {
                "id": row.id,
                "v": row.updated,
                "attributes": {"createdAt": None if row.created is None else to_text(row.created)},
            }
            for row in found[(page - 1) * size : page * size]
            if row.id not in self.hidden
        ]
        date = format_datetime(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=NOW), usegmt=True)
        content = Content([pack(one) for one in data], meta={"total": len(found)})
        return Answer(content=content, size_bytes=100, retries=0, headers={"date": date})

    def rest(self, seconds: float) -> None:
        self.rested += seconds

    def open(self, history_start: int | None = None) -> SearchReader:
        return SearchReader(ask=self.ask, rest=self.rest, report=self.warnings.append, history_start=history_start)

    def read(self, *, hops: bool = False) -> dict[str, int]:
        """Read everything. Return the newest version of each row. With hops a new reader reads each page."""
        reader = self.open()
        position: Cursor | Position | None = reader.begin(reader.count())
        newest: dict[str, int] = {}
        while position is not None:
            for page in self.open().iter_pages(position):
                for record in page.records:
                    newest[str(record.id)] = max(newest.get(str(record.id), 0), unpack(record)["v"])
                position = page.next
                self.evidence = page.evidence
                if hops:
                    break
            else:
                position = None
        return newest


def to_ms(text: str) -> int:
    return round((datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def build_index(*spans: tuple[int, int, int]) -> Index:
    """Build an index with rows spread evenly between two moments, in days before now."""
    index = Index()
    for count, first, last in spans:
        index.add(*(NOW - first * DAY + (first - last) * DAY * number // count for number in range(count)))
    return index


@pytest.mark.parametrize("hops", [False, True])
def test_every_row_is_read_in_few_requests(hops: bool) -> None:  # noqa: FBT001 - a parameter
    index = build_index((8_000, 700, 0), (2_000, 3000, 700))
    index.old = {row.id for row in index.rows.values() if (row.created or 0) < NOW - 730 * DAY}

    found = index.read(hops=hops)

    assert set(found) == set(index.rows)
    assert len(index.asked) <= 3 * 10_000 / 500
    assert (index.evidence.proven_by, index.evidence.expected_rows) == (Proof.TOTAL, 10_000)


def test_nights_and_busy_days_cost_no_more_requests() -> None:
    index = Index()
    for day in range(60):
        index.add(*(NOW - day * DAY - number * 60_000 for number in range(300)))

    assert set(index.read()) == set(index.rows)
    assert len(index.asked) <= 3 * 18_000 / 500 + 12


@settings(max_examples=min(60, settings().max_examples), deadline=None)
@given(
    days=st.lists(st.integers(0, 20_000), max_size=40),
    burst=st.integers(0, 1600),
    width=st.sampled_from([1, 1000, DAY]),
)
def test_every_row_is_read_once_in_each_sweep_whatever_its_time(days: list[int], burst: int, width: int) -> None:
    index = Index()
    index.add(*(NOW - day * DAY for day in days))
    index.add(*(NOW - 10 * DAY + number * width // max(1, burst) for number in range(burst)))

    assert set(index.read()) == set(index.rows)


def test_an_import_with_the_same_time_for_all_rows_is_read_by_pages() -> None:
    index = Index()
    index.add(*[NOW - 5 * DAY] * 1800)

    assert len(index.read()) == 1800


def test_an_import_that_is_not_returned_completely_is_refused() -> None:
    index = Index()
    index.add(*[NOW - 5 * DAY] * 1800)
    index.hidden = {"c0000007"}

    with pytest.raises(Truncated, match="1800 conversations have the same time, and 1799"):
        index.read()


def test_a_window_with_one_hidden_row_is_not_halved_to_a_millisecond() -> None:
    index = build_index((3000, 300, 0))
    index.hidden = {"c0000100"}

    found = index.read()

    assert len(found) == 2999
    assert index.evidence.unreadable_rows == 1
    assert index.rested == 72
    assert len(index.asked) <= 3 * 3000 / 500 + 22


def build_timeless_index(count: int) -> Index:
    """Build 3000 conversations, `count` of them without a time of creation. Every second of those is in the archive."""
    index = build_index((3000, 300, 0))
    timeless = list(index.rows.values())[::2][:count]
    for row in timeless:
        row.created = None
    index.old = {row.id for row in timeless[::2]}
    return index


@pytest.mark.parametrize(("count", "asked"), [(1, 2), (30, 2), (1200, 6)])
def test_rows_without_a_time_of_creation_are_read_at_the_end_of_each_sweep(count: int, asked: int) -> None:
    index = build_timeless_index(count)

    found = index.read(hops=True)

    assert set(found) == set(index.rows)
    assert sum("not_set" in json.dumps(body) for _, body in index.asked) == asked
    assert index.evidence.expected_rows == 3000


def test_a_400_means_that_rows_without_a_time_cannot_be_read() -> None:
    index = build_timeless_index(30)
    index.not_set = "refused"

    found = index.read()

    assert len(found) == 2970
    assert sum("not_set" in json.dumps(body) for _, body in index.asked) == 2
    assert index.evidence.expected_rows == 2970


def test_a_search_for_rows_without_a_time_that_always_fails_is_skipped_with_a_warning() -> None:
    index = build_timeless_index(30)
    index.not_set = "fails"

    found = index.read(hops=True)

    assert len(found) == 2970
    assert index.warnings == [TimelessUnanswered(reason="504")] * 2  # one for the search and one for the archive
    assert sum("not_set" in json.dumps(body) for _, body in index.asked) == 4
    assert index.evidence.expected_rows == 2970


def test_a_search_for_rows_without_a_time_that_fails_once_is_repeated() -> None:
    index = build_timeless_index(30)
    index.not_set = "fails once"

    assert set(index.read()) == set(index.rows)
    assert index.warnings == []


def test_rows_without_a_time_are_not_left_out_because_of_an_outage() -> None:
    index = build_timeless_index(30)
    index.not_set, index.is_out = "fails", True

    with pytest.raises(RetryLater, match="503"):
        index.read()
    assert index.warnings == []


def test_an_operator_that_finds_rows_with_a_time_is_ignored() -> None:
    index = build_timeless_index(0)
    index.not_set = "ignored"

    assert len(index.read()) == 3000
    assert index.evidence.expected_rows == 3000


def test_rows_without_a_time_do_not_replace_missing_ones_in_the_proof() -> None:
    index = build_timeless_index(100)
    index.hidden = {row.id for row in list(index.rows.values())[::2][:4]}
    reader = index.open()
    some = next(page for page in reader.iter_pages(reader.begin(reader.count())) if page.records)
    assert some.next is not None
    skipped = json.loads(some.next)
    skipped["settled_rows"] -= 3

    with pytest.raises(Truncated, match="has accounted for 2897 of 2900"):
        list(index.open().iter_pages(Cursor(json.dumps(skipped))))


def test_too_many_hidden_rows_are_refused() -> None:
    index = build_index((3000, 300, 0))
    index.hidden = {f"c{number:07d}" for number in range(0, 3000, 400)}

    with pytest.raises(Truncated, match="does not hand out"):
        index.read()


def test_a_window_that_fails_is_halved() -> None:
    index = build_index((2000, 100, 0))
    index.fails = 200

    assert len(index.read()) == 2000


def test_a_row_that_changes_while_reading_has_its_newest_version() -> None:
    index = build_index((5000, 1000, 0))

    def change(request: int) -> None:
        if request <= 25:  # the next run reads later changes
            index.rows[f"c{request * 37 % 5000:07d}"].updated = NOW + request

    index.before = change

    found = index.read()

    assert found == {row.id: row.updated for row in index.rows.values()}


def test_a_row_that_moves_into_the_archive_or_back_is_not_lost() -> None:
    index = build_index((5000, 1000, 0))

    def move(request: int) -> None:
        away, back = f"c{request * 31 % 5000:07d}", f"c{request * 17 % 5000:07d}"
        index.old.add(away)
        if back in index.old:  # an update brings it back
            index.old.discard(back)
            index.rows[back].updated = NOW + request

    index.before = move

    assert set(index.read()) == set(index.rows)


def test_a_row_that_leaves_the_archive_between_the_sweeps_counts_for_the_proof() -> None:
    index = build_index((2000, 700, 0), (2000, 1500, 740))
    index.old = {row.id for row in index.rows.values() if (row.created or 0) < NOW - 730 * DAY}

    def touch(request: int) -> None:
        back = min(index.old)
        if request <= 25:
            index.old.discard(back)
            index.rows[back].updated = NOW + request

    index.before = touch

    assert set(index.read()) == set(index.rows)


@settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])
@example(changes=[(5, "import", 999), (5, "delete", 800)])
@given(
    changes=st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["import", "delete", "touch"]), st.integers(0, 999)))
)
def test_imports_with_old_times_and_deletions_while_reading_are_no_loss(changes: list[tuple[int, str, int]]) -> None:
    """Each change is made before a response. A deletion of a row that was not read yet must not look like a loss."""
    index = build_index((1800, 600, 0), (200, 1200, 750))
    index.old = {row.id for row in index.rows.values() if (row.created or 0) < NOW - 730 * DAY}
    first = dict(index.rows)
    gone: set[str] = set()

    def change(request: int) -> None:
        for at, what, which in changes:
            if at != request:
                continue
            if what == "import":
                identifier = f"{(NOW + request) // 1000:08x}{len(index.rows):016x}"
                index.rows[identifier] = Row(identifier, NOW - which * DAY, NOW + request)
            elif row := first.get(f"c{which * 2:07d}"):
                if what == "delete":
                    gone.add(row.id)
                    index.rows.pop(row.id, None)
                elif row.id not in gone:
                    index.old.discard(row.id)
                    row.updated = NOW + request

    index.before = change

    found = set(index.read())

    assert set(first) - gone <= found


def test_rows_that_are_new_or_indexed_late_are_in_the_last_sweep() -> None:
    index = build_index((2000, 100, 1))

    def arrive(request: int) -> None:
        index.add(NOW - 30_000 + request, prefix="n")

    index.before = arrive

    found = index.read()

    assert len(found) >= len(index.rows) - 3  # those added with the last responses


def test_rows_that_are_lost_are_noticed() -> None:
    index = build_index((3000, 300, 0))

    reader = index.open()
    some = next(page for page in reader.iter_pages(reader.begin(reader.count())) if page.records)
    assert some.next is not None
    skipped = json.loads(some.next)
    skipped["walk"]["at"] += 30 * DAY

    with pytest.raises(Truncated, match="has accounted for"):
        list(index.open().iter_pages(Cursor(json.dumps(skipped))))


def test_with_a_start_of_history_older_rows_are_not_read() -> None:
    index = build_index((3000, 300, 0))
    start = NOW - 100 * DAY
    reader = index.open(start)

    rows = [row for page in reader.iter_pages(reader.begin(reader.count())) for row in page.records]

    assert {str(row.id) for row in rows} == {row.id for row in index.rows.values() if (row.created or 0) >= start}
    assert all(to_text(0) not in json.dumps(body) for _, body in index.asked)


def test_the_sweeps_are_in_order_and_their_windows_have_no_gap() -> None:
    index = build_index((3000, 300, 0), (500, 1500, 800))
    index.old = {row.id for row in index.rows.values() if (row.created or 0) < NOW - 730 * DAY}

    index.read()

    asked = [(path, body["and"]) for path, body in index.asked[4:] if "not_set" not in json.dumps(body)]
    sweeps = [key for key, _ in groupby((path, next(iter(criteria[0]))) for path, criteria in asked)]
    assert sweeps[:3] == [(Place.STANDARD, CREATED), (Place.ARCHIVE, CREATED), (Place.STANDARD, CREATED)]
    assert sweeps[3:] == [(Place.ARCHIVE, CREATED), (Place.STANDARD, UPDATED)]  # the second count, then the last sweep
    for place in Place:
        read = index.windows_read[place, CREATED]
        assert read[0][0] is None
        assert read[-1][1] is None
        assert all(before[1] == after[0] for before, after in pairwise(read))
    assert index.windows_read[Place.STANDARD, UPDATED] == [(NOW - 15 * 60_000, None)]
    assert not any("sort" in body for _, body in index.asked)


def test_the_width_of_a_window_follows_from_its_rows() -> None:
    walk = Walk(at=1_000_000, width=70_000, left=10_000)

    assert walk.narrow(1400).width == 70_000 * 350 // 1400
    assert walk.halve().width == 35_000
    assert walk.advance(0).width == 140_000
    assert (walk.advance(350).at, walk.advance(350).width) == (1_070_000, 70_000)
    assert Walk(at=5, width=1, left=900).window.is_one_moment


def test_an_empty_organisation_needs_few_requests() -> None:
    index = Index()

    assert index.read() == {}
    assert len(index.asked) <= 16


def test_the_cursor_has_no_ids_and_a_default_for_everything() -> None:
    position = Position(sweep=Sweep.ARCHIVE, walk=Walk(at=5, width=7, limit=9, left=11), expected=3)

    cursor = position.to_cursor()

    assert Position.from_cursor(cursor) == position
    assert is_of_search(cursor)
    assert Position.from_cursor(Cursor('{"way":"search"}')) == Position()
    assert not is_of_search(Cursor('{"page":2}'))
