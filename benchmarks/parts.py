"""The CPU of a laptop run by parts, as bars. Each part is measured alone, on the same records.

Usage: ``python -m benchmarks.parts [ROUNDS]``. A part is measured alone in one thread. Beside the others it needs more
CPU. The difference is in "the rest", together with paging, checks and publishing.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.cases import COMPARISONS
from benchmarks.extraction import describe_machine, run_program
from benchmarks.transform import BATCH, build_page, build_steps
from benchmarks.transform import measure as measure_step
from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.kustomer.content import read_content
from kustomer_extract.bootstrap import LAPTOP_LIMITS
from kustomer_extract.models import Chunk, Table
from kustomer_extract.pipeline.chunks import ChunkBuilder
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import Transform

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGES = LAPTOP_LIMITS.chunk_rows // 100  # of a chunk
_CHUNKS = 20_000 // LAPTOP_LIMITS.chunk_rows
_WIDTH = 40


def measure_load(body: bytes) -> tuple[float, float]:
    """Load chunks as a run does, publish them and close the file. Return microseconds of CPU per row for both."""
    choice = choose(load_schema(Table.CONVERSATIONS), True)
    transform = Transform(choice, table=Table.CONVERSATIONS, batch=BATCH)
    page = read_content(body)
    assert page is not None
    builder = ChunkBuilder(max_rows=10**9, max_bytes=10**9, compresses=LAPTOP_LIMITS.compresses_chunks)
    for _ in range(_PAGES):
        builder.add([transform(record.body).line for record in page.records])
    chunk_rows, data = builder.rows, builder.close()
    names = [f"bench_conversations__20261123t030000z_1__1_{number}a" for number in range(_CHUNKS)]
    rows = chunk_rows * _CHUNKS
    with tempfile.TemporaryDirectory() as folder:
        warehouse = DuckDbWarehouse.open(Path(folder, "bench.duckdb"))
        start = time.process_time()
        for name in names:
            warehouse.staging.load(Chunk(name=name, rows=chunk_rows, data=data), choice.columns)
        loaded = time.process_time()
        warehouse.staging.release(names[0], to="bench_conversations")
        warehouse.close()
        return (loaded - start) / rows * 1e6, (time.process_time() - loaded) / rows * 1e6


def measure_parts(rounds: int) -> Mapping[str, float]:
    """Measure all parts in turn, for several rounds. Return the medians, in microseconds of CPU per row."""
    body = build_page()
    steps = build_steps(body)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        cpu = {name: median(measure_step(step) for _ in range(10)) for name, step in steps.items()}
        gzip, ours = (run_program(COMPARISONS["no-latency"], program).cpu_per_row for program in ("gzip", "ours"))
        load, close = measure_load(body)
        parts = {
            "ask and receive": gzip - cpu["floor: loads + dumps"] - (cpu["page to gzip"] - cpu["page to lines"]),
            "split the page": cpu["page to records"],
            "transform": cpu["transform"],
            "DuckDB loads": load,
            "DuckDB publishes": close,
        }
        for name, value in {**parts, "the rest": ours - sum(parts.values())}.items():
            taken.setdefault(name, []).append(value)
    return {name: median(values) for name, values in taken.items()}


def main(rounds: int) -> None:
    """Print a bar for each part."""
    gc.set_threshold(50_000, 20, 20)  # else the floor, which makes many objects, pays for looking through them
    parts = measure_parts(rounds)
    whole = sum(parts.values())
    print(f"{describe_machine()}\n\nCPU of a row, {whole:.0f} µs in all, medians of {rounds} rounds\n")
    for name, value in parts.items():
        print(f"{name:24}{'█' * max(0, round(_WIDTH * value / whole)):{_WIDTH}} {value:4.0f} µs {value / whole:4.0%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
