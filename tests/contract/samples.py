"""Columns and chunks for tests."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from kustomer_extract.models import Chunk
from kustomer_extract.schema import Field

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_field(name: str, kind: str, *fields: Field, mode: str = "NULLABLE") -> Field:
    """Describe a column."""
    return Field(name=name, type=kind, mode=mode, description=f"What {name} is; it's “plain”.", fields=fields)


def build_chunk(name: str, rows: Sequence[dict[str, Any]], *, compresses: bool = True) -> Chunk:
    """Build a chunk of rows as the pipeline does."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    return Chunk(name=name, data=gzip.compress(lines) if compresses else lines, rows=len(rows))
