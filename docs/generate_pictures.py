# ruff: noqa: INP001  (docs is no package)
"""Draw the README's pictures from text: `docs/pictures/NAME.txt` becomes one SVG file for each of its looks.

Usage: ``python docs/generate_pictures.py [--check]``; ``--check`` writes nothing and fails when a picture is stale.
A picture is a grid of characters. Box-drawing characters and arrow heads become lines and triangles, `*words*` become
bold; all else is text. The length of each text is written down, so that the grid holds in every font.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT, MARGIN = 8.4, 19, 16
"""Of a character, and around the grid, in pixels."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
ARMS = {"─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "rud", "┤": "lud", "┬": "lrd", "┴": "lru", "┼": "lrud"}  # fmt: skip  # noqa: E501
"""Where the lines of a character go from its centre: left, right, up, down."""

STROKES = {"l": f"h{-WIDTH / 2}", "r": f"h{WIDTH / 2}", "u": f"v{-HEIGHT / 2}", "d": f"v{HEIGHT / 2}"}
HEADS = {"▶": "-4-4l8 4l-8 4", "◀": "4-4l-8 4l8 4", "▲": "-4 4l4-8l4 8", "▼": "-4-4l4 8l4-8"}
"""The outline of an arrow head, from the centre of its character."""

NO_TEXT = dict.fromkeys(map(ord, (*ARMS, *HEADS)), " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The colours of one SVG file."""

    ground: str
    text: str
    line: str


LIGHT = Look(ground="#ffffff", text="#1f2328", line="#0969da")
DARK = Look(ground="#0d1117", text="#e6edf3", line="#4493f8")
LOOKS = {"overview-light": LIGHT, "overview-dark": DARK, "demo": Look(ground="#161b22", text="#e6edf3", line="#7d8590")}
"""By the name of the SVG file; its source has the name before the hyphen."""


def draw(picture: str, look: Look) -> str:
    """Draw a grid of characters as an SVG document; its first line is the title and is not drawn."""
    title, *lines = picture.rstrip("\n").split("\n")
    width = round(max(map(len, lines)) * WIDTH + 2 * MARGIN)
    height = len(lines) * HEIGHT + 2 * MARGIN
    strokes = "".join(part for row, line in enumerate(lines) for part in _trace(line, row))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            f'  role="img" font-family="{FONT}" font-size="14" fill="{look.text}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{look.ground}"/>',
            f'<path fill="{look.line}" stroke="{look.line}" stroke-width="1.5" d="{strokes}"/>',
            *(text for row, line in enumerate(lines) for text in _write(line, row)),
            "</svg>\n",
        )
    )


def _trace(line: str, row: int) -> Iterator[str]:
    """Draw the lines and arrow heads of one line of the grid, as parts of an SVG path."""
    for column, character in enumerate(line):
        start = f"M{MARGIN + (column + 0.5) * WIDTH:.1f} {MARGIN + (row + 0.5) * HEIGHT:.1f}"
        yield from (f"{start}{STROKES[arm]}" for arm in ARMS.get(character, ""))
        if character in HEADS:
            yield f"{start}m{HEADS[character]}z"


def _write(line: str, row: int) -> Iterator[str]:
    """Write the words of one line of the grid; two blanks part two texts."""
    y = MARGIN + (row + 0.75) * HEIGHT
    for found in re.finditer(r"\S+( \S+)*", line.translate(NO_TEXT)):
        words, is_bold = found[0].strip("*"), found[0].startswith("*")
        weight = ' font-weight="700"' if is_bold else ""
        x, length = MARGIN + found.start() * WIDTH, len(words) * WIDTH
        yield (
            f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}"'
            f' lengthAdjust="spacingAndGlyphs"{weight}>{escape(words, quote=False)}</text>'
        )


def main(arguments: Sequence[str]) -> int:
    """Draw the pictures, or check them."""
    stale = []
    for name, look in LOOKS.items():
        file = PICTURES / f"{name}.svg"
        drawn = draw((PICTURES / f"{name.partition('-')[0]}.txt").read_text(encoding="utf-8"), look)
        if not file.exists() or file.read_text(encoding="utf-8") != drawn:
            stale.append(name)
            if "--check" not in arguments:
                file.write_text(drawn, encoding="utf-8")
    if "--check" not in arguments:
        return 0
    for name in stale:
        print(f"docs/pictures/{name}.svg is stale: run python docs/generate_pictures.py", file=sys.stderr)  # noqa: T201
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
