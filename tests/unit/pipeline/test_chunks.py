"""Chunks: lines, as they are or as gzip files, closed by rows or by bytes, whichever comes first."""

from __future__ import annotations

import gzip
from random import Random
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.pipeline.chunks import ChunkBuilder

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("compresses", "read"), [(True, gzip.decompress), (False, bytes)])
def test_a_chunk_holds_the_lines_in_order_and_the_next_one_starts_empty(
    read: Callable[[bytes], bytes], *, compresses: bool
) -> None:
    builder = ChunkBuilder(max_rows=10, max_bytes=1000, compresses=compresses)
    builder.add([b"1\n", b"2\n"])
    builder.add([b"3\n"])

    rows, first = builder.rows, builder.close()
    builder.add([b"4\n"])
    second = builder.close()

    assert (rows, read(first), read(second)) == (3, b"1\n2\n3\n", b"4\n")
    assert builder.rows == 0


def test_a_chunk_is_full_by_rows() -> None:
    builder = ChunkBuilder(max_rows=2, max_bytes=1000, compresses=True)

    builder.add([b"1\n"])
    assert not builder.is_full

    builder.add([b"2\n"])
    assert builder.is_full


@pytest.mark.parametrize(
    ("make_line", "compresses", "rows"),
    [
        (Random(1).randbytes, True, range(10, 30)),
        (bytes, True, range(1000, 1001)),
        (bytes, False, range(10, 11)),
    ],
    ids=["noise, compressed", "zeros, compressed", "zeros"],
)
def test_a_chunk_is_full_by_its_bytes_as_they_are_loaded(
    make_line: Callable[[int], bytes], *, compresses: bool, rows: range
) -> None:
    builder = ChunkBuilder(max_rows=1000, max_bytes=100_000, compresses=compresses)

    while not builder.is_full:
        builder.add([make_line(10_000)])

    assert builder.rows in rows
