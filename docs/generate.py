# ruff: noqa: INP001  (docs is no package)
"""Write what the pages list, from the code: columns from the schema files, events from the log catalogue, and so on.

Usage: ``python docs/generate.py [--check]``; ``--check`` writes nothing and fails when a page is stale.
A list stands between ``<!-- name -->`` and ``<!-- /name -->``; the rest of a page is written by hand.
To add one: a writer here, a line in `LISTS`, the two markers in the page.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

from kustomer_extract import events
from kustomer_extract.adapters.codec import load_columns
from kustomer_extract.models import Table
from kustomer_extract.schema import iter_paths, load_schema
from kustomer_extract.views.catalogue import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

DOCS = Path(__file__).parent


def write_columns(table: Table) -> str:
    """All columns of a table, at every depth."""
    return _write_table(
        ("Column", "Type", "Mode", "Personal", "What it is"),
        (
            (f"`{'.'.join(path)}`", f.type, f.mode, f.personal or "", f.description)
            for path, f in iter_paths(load_schema(table))
        ),
    )


def write_view(table: Table) -> str:
    """All columns of a flat view, and what each reads."""
    return _write_table(
        ("Column", "What it is"),
        ((f"`{name}`", description) for name, (_, description) in COLUMNS[table].items()),
    )


def write_jobs() -> str:
    """All columns of `_jobs`."""
    return _write_table(
        ("Column", "Type", "What it is"), ((f"`{f.name}`", f.type, f.description) for f in load_columns())
    )


def write_events() -> str:
    """All events, with their severity, or what decides on it, and with their own fields."""
    return _write_table(
        ("Event", "When", "Severity", "Fields"),
        ((f"`{kind.name}`", _first_line(kind.__doc__), _severity(kind), _fields(kind)) for kind in events.CATALOGUE),
    )


def draw_imports() -> str:
    """Which part imports which, as a diagram; an arrow is left out where others lead the same way."""
    imports: defaultdict[str, set[str]] = defaultdict(set)
    graph = grimp.build_graph("kustomer_extract", cache_dir=None)
    for module in graph.modules - {"kustomer_extract"}:
        for imported in graph.find_modules_directly_imported_by(module):
            imports[_to_part(module)].add(_to_part(imported))
    below = {part: _reach(imports, part) for part in tuple(imports)}
    arrows = [
        (part, other)
        for part in sorted(imports)
        for other in sorted(imports[part] - {part})
        if not any(other in below.get(between, ()) for between in imports[part] - {part, other})
    ]
    names = {part: part.replace("/", "_").strip("_") for part in below | {other: () for _, other in arrows}}
    parts = (f'    {name}["{part}"]' for part, name in sorted(names.items()))
    drawn = (f"    {names[part]} --> {names[other]}" for part, other in arrows)
    return "\n".join(["```mermaid", "flowchart TD", *parts, *drawn, "```"])


def _to_part(module: str) -> str:
    """Name the part of the package that a module belongs to: a folder of `adapters`, or what lies at the top."""
    _, part, *rest = module.split(".")
    return "/".join((part, *rest[:1])) if part == "adapters" else part


def _reach(imports: Mapping[str, AbstractSet[str]], part: str) -> set[str]:
    direct = imports.get(part, set()) - {part}
    return direct.union(*(_reach(imports, other) for other in direct))


LISTS: Sequence[tuple[str, str, Callable[[], str]]] = (
    *(("tables.md", table.value, partial(write_columns, table)) for table in Table),
    *(("tables.md", f"{table.value}_flat", partial(write_view, table)) for table in COLUMNS),
    ("tables.md", "_jobs", write_jobs),
    ("log-events.md", "events", write_events),
    ("architecture.md", "imports", draw_imports),
)
"""Page, name of the markers, writer."""


def _write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _first_line(docstring: str | None) -> str:
    return (docstring or "").partition("\n")[0]


def _severity(kind: type[events.Event]) -> str:
    """The severity, or what decides on it: the docstring of the event's own property."""
    severity = inspect.getattr_static(kind, "severity")
    return severity.value if isinstance(severity, events.Severity) else _first_line(severity.__doc__).removesuffix(".")


def _fields(kind: type[events.Event]) -> str:
    return ", ".join(f"`{name}` {annotation}" for name, annotation in inspect.get_annotations(kind).items())


def update(page: str, name: str, content: str) -> str:
    """Put a list between its markers."""
    between = re.compile(rf"(?<=<!-- {name} -->\n\n).*?(?=<!-- /{name} -->)", re.DOTALL)
    updated, count = between.subn(lambda _: f"{content}\n\n", page)
    if count != 1:
        raise ValueError(f"the markers of {name} are missing, or there are several")
    return updated


def main(arguments: Sequence[str]) -> int:
    """Update the pages, or check them."""
    pages = {page: (DOCS / page).read_text() for page, _, _ in LISTS}
    updated = dict(pages)
    for page, name, write in LISTS:
        updated[page] = update(updated[page], name, write())
    stale = [page for page in pages if pages[page] != updated[page]]
    if "--check" in arguments:
        for page in stale:
            print(f"docs/{page} is stale: run python docs/generate.py", file=sys.stderr)  # noqa: T201
        return 1 if stale else 0
    for page in stale:
        (DOCS / page).write_text(updated[page])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
