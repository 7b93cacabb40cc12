"""Chunks: lines, as they are or as gzip files, closed by rows or by bytes, whichever comes first."""

from __future__ import annotations

import gzip
import random

from kustomer_extract.pipeline.chunks import ChunkBuilder


def test_a_chunk_holds_the_lines_in_order_and_the_next_one_starts_empty() -> None:
    for compresses, read in ((True, gzip.decompress), (False, bytes)):
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


def test_a_chunk_is_full_by_its_bytes_as_they_are_loaded() -> None:
    noise = random.Random(1)
    for lines, compresses, rows in (
        (iter(lambda: noise.randbytes(10_000), b""), True, range(10, 30)),
        (iter(lambda: bytes(10_000), b""), True, range(1000, 1001)),
        (iter(lambda: bytes(10_000), b""), False, range(10, 11)),
    ):
        builder = ChunkBuilder(max_rows=1000, max_bytes=100_000, compresses=compresses)
        while not builder.is_full:
            builder.add([next(lines)])

        assert builder.rows in rows
