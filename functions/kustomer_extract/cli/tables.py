"""What goes to standard output: lines and aligned tables, in colour on a terminal only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_RED, _ORANGE, _GREEN = 31, 33, 32
_COLOURS = {
    "green": _GREEN, "SUCCEEDED": _GREEN, "ACTIVE": _GREEN, "ok": _GREEN,
    "orange": _ORANGE, "PAUSED": _ORANGE,
    "red": _RED, "FAILED": _RED, "INVALID": _RED,
}  # fmt: skip


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"{line}\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings: numbers to the right, None as ``-``."""
    lines = [list(headings), *([_to_text(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    numeric = [any(isinstance(row[column], int | float) for row in rows) for column in range(len(headings))]
    for line in lines:
        cells = [
            text.rjust(width) if is_number else text.ljust(width)
            for text, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        say("  ".join(map(_paint, cells)).rstrip())


def format_time(moment: datetime | None) -> str | None:
    """Write a time to the second, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%SZ}" if moment else None


def _to_text(cell: object) -> str:
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def _paint(cell: str) -> str:
    code = _COLOURS.get(cell.strip())
    return f"\x1b[{code}m{cell}\x1b[0m" if code and sys.stdout.isatty() else cell
