"""CPU of a row, from the bytes of a page to gzip, as multiples of what reading and writing its JSON takes at least.

Usage: ``python -m benchmarks.transform [ROUNDS]``. The steps take turns in every round, so that
a busy machine slows all of them; what counts are the ratios. The floor is orjson's loads and dumps of the same page.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
from isal import isal_zlib

from kustomer_extract.adapters.kustomer.content import read_content
from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import Transform
from tests.standins.kustomer.records import Conversations
from tests.standins.kustomer.surveys import build_surveys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kustomer_extract.models import Record

ROWS = 100
BATCH = Batch(run_id=RunId("20261123t030000z-1"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))


def build_page() -> bytes:
    """A page of sandbox conversations; each has a key that the schema does not know."""
    conversations = Conversations(count=ROWS, seed=1, surveys=build_surveys(12, seed=1), unknown_every=1)
    return b'{"data":[' + b",".join(conversations.render(number) for number in range(ROWS)) + b"]}"


def build_steps(body: bytes) -> Mapping[str, Callable[[], object]]:
    """What is measured; each step includes those before it, but for the transform, which stands alone."""
    choice = choose(load_schema(Table.CONVERSATIONS), True)
    transform = Transform(choice, table=Table.CONVERSATIONS, batch=BATCH)

    def to_records() -> Sequence[Record]:
        page = read_content(body)
        assert page is not None
        return page.records

    records = to_records()

    def to_lines() -> bytes:
        return b"".join([transform(record.body).line for record in to_records()])

    def to_gzip() -> bytes:
        compressor = isal_zlib.compressobj(1, wbits=31)
        return compressor.compress(to_lines()) + compressor.flush()

    return {
        "floor: loads + dumps": lambda: orjson.dumps(orjson.loads(body)),
        "page to records": to_records,
        "transform": lambda: [transform(record.body) for record in records],
        "page to lines": to_lines,
        "page to gzip": to_gzip,
    }


def measure(step: Callable[[], object]) -> float:
    """Microseconds of CPU per row."""
    start = time.process_time()
    step()
    return (time.process_time() - start) / ROWS * 1e6


def main(rounds: int) -> None:
    """Print a line per step."""
    gc.set_threshold(50_000, 20, 20)  # else the floor, which makes many objects, pays for looking through them
    body = build_page()
    steps = build_steps(body)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            taken[name].append(measure(step))
    floor, *_ = taken.values()
    print(f"{ROWS} conversations of {len(body) / ROWS / 1000:.1f} kB, {rounds} rounds")
    print(f"{'':22}{'µs per row':>12}{'x floor: median':>18}{'min':>7}{'max':>7}")
    for name, times in taken.items():
        ratios = [time / base for time, base in zip(times, floor, strict=True)]
        middle = statistics.median(ratios)
        print(f"{name:22}{min(times):12.1f}{middle:18.2f}{min(ratios):7.2f}{max(ratios):7.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
