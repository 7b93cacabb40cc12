"""Chunks: gzip files of lines, closed by rows or by bytes, whichever comes first."""

from __future__ import annotations

import gzip
import random

from kustomer_extract.pipeline.chunks import ChunkBuilder


def test_a_chunk_holds_the_lines_in_order_and_the_next_one_starts_empty() -> None:
    builder = ChunkBuilder(max_rows=10, max_bytes=1000)
    builder.add([b"1\n", b"2\n"])
    builder.add([b"3\n"])

    rows, first = builder.rows, builder.close()
    builder.add([b"4\n"])
    second = builder.close()

    assert (rows, gzip.decompress(first), gzip.decompress(second)) == (3, b"1\n2\n3\n", b"4\n")
    assert builder.rows == 0


def test_a_chunk_is_full_by_rows() -> None:
    builder = ChunkBuilder(max_rows=2, max_bytes=1000)

    builder.add([b"1\n"])
    assert not builder.is_full

    builder.add([b"2\n"])
    assert builder.is_full


def test_a_chunk_is_full_by_compressed_bytes() -> None:
    builder = ChunkBuilder(max_rows=1000, max_bytes=100_000)
    noise = random.Random(1)

    while not builder.is_full:
        builder.add([noise.randbytes(10_000)])

    assert builder.rows < 30
