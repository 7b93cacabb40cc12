"""docs/queries.md as data: each question with its two queries, its answer, and the bytes it reads of a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kustomer_extract.views.expressions import CUSTOM_PATH, Count, Custom, Duration, First, Only, Seconds
from kustomer_extract.views.expressions import Path as Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.views.expressions import Expression

PAGE = Path(__file__).parents[1] / "docs" / "queries.md"
_QUESTION = re.compile(
    r"## (?P<title>.+?)\n\n```sql googlesql\n(?P<googlesql>.+?)\n```\n\n```sql duckdb\n(?P<duckdb>.+?)\n```\n\n"
    r"```text\n(?P<answer>.*?)```\n\n(?P<note>.+?)\n\nReads (?P<bytes>\d+) bytes of a row\.\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One section of the page."""

    title: str
    googlesql: str
    duckdb: str
    answer: str
    bytes: int


def read_questions() -> list[Question]:
    """Read the page."""
    found = (match.groupdict() for match in _QUESTION.finditer(PAGE.read_text()))
    return [
        Question(
            **{name: text for name, text in parts.items() if name not in {"note", "bytes"}}, bytes=int(parts["bytes"])
        )
        for parts in found
    ]


def rewrite(title: str, *, answer: str, read_bytes: int) -> None:
    """Replace the answer of a question."""

    def fill_in(match: re.Match[str]) -> str:
        if match["title"] != title:
            return match[0]
        filled = match[0].replace(f"```text\n{match['answer']}```", f"```text\n{answer}```")
        return filled.replace(f"Reads {match['bytes']} bytes", f"Reads {read_bytes} bytes")

    PAGE.write_text(_QUESTION.sub(fill_in, PAGE.read_text()))


def to_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Format an answer as a text table."""
    lines = [list(columns), *([_to_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def _to_cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def paths_of(expression: Expression) -> set[str]:
    """List the columns of the nested table that an expression reads."""
    match expression:
        case Value(path) | Count(path) | Only(path) | Duration(path):
            return {path}
        case First(paths):
            return set(paths)
        case Seconds(since, until):
            return {*since, until}
        case Custom():
            return {CUSTOM_PATH}
