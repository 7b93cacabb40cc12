"""Prints lines and aligned tables to standard output, with colours if the terminal shows them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

_SHOWN = 5
_RED, _ORANGE, _GREEN = 31, 33, 32
_COLOURS = {
    "green": _GREEN, "SUCCEEDED": _GREEN, "ACTIVE": _GREEN, "ok": _GREEN,
    "orange": _ORANGE, "PAUSED": _ORANGE,
    "red": _RED, "FAILED": _RED, "INVALID": _RED,
}  # fmt: skip


def say(line: str) -> None:
    """Print one line. A closed output (``| head``) and an output that takes only ASCII are not errors."""
    encoding = sys.stdout.encoding or "utf-8"
    text = f"{line}\n".encode(encoding, errors="replace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def count(names: Collection[str]) -> str | None:
    """Return how many there are, and the first few of them: ``7: a, b, c, …``."""
    if not names:
        return None
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"{len(names)}: {shown}{', …' if len(names) > _SHOWN else ''}"


def shows_colours() -> bool:
    """Tell whether standard output is a terminal that shows colours, and NO_COLOR is not set (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _to_text(cell: object) -> str:
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def _paint(cell: str) -> str:
    code = _COLOURS.get(cell.strip())
    return f"\x1b[{code}m{cell}\x1b[0m" if code and shows_colours() else cell
