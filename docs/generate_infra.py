# ruff: noqa: INP001  (docs is no package)
"""Write the tables of variables and outputs in infra/README.md from infra/variables.tf and infra/outputs.tf.

Usage: ``python docs/generate_infra.py [--check]``; ``--check`` writes nothing and fails when a table is stale.
Understands the layout that ``terraform fmt`` gives, no more of HCL than that.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

INFRA = Path(__file__).parents[1] / "infra"
README = INFRA / "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A ``variable`` or an ``output``.

    Attributes:
        default: As written in HCL; None if a value must be given.
        type: As written in HCL, on one line; empty for an output.
    """

    name: str
    description: str
    type: str
    default: str | None


def parse_blocks(text: str, kind: str) -> list[Block]:
    """Read all blocks of a kind, in the order of the file."""
    found = re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL)
    return [
        Block(
            name=name,
            description=_parse_description(body),
            type=_on_one_line(_parse_argument(body, "type") or ""),
            default=_parse_argument(body, "default"),
        )
        for name, body in found
    ]


def _parse_argument(body: str, name: str) -> str | None:
    """Read an argument with the lines that belong to it: those that are indented further, and a closing bracket."""
    found = re.search(rf"^  {name} += (.*(?:\n    .*)*(?:\n  [)\]}}]+)?)", body, re.MULTILINE)
    return found[1] if found else None


def _on_one_line(written: str) -> str:
    lines = [" ".join(line.split()) for line in written.splitlines()]
    return ", ".join(lines).replace("({, ", "({ ").replace(", })", " })")


def _parse_description(body: str) -> str:
    written = _parse_argument(body, "description") or ""
    if written.startswith("<<-EOT"):
        written = textwrap.dedent(written.removeprefix("<<-EOT"))
    return " ".join(written.strip('"').split())


def write_variables(blocks: list[Block]) -> str:
    """Write the table of variables; what must be given has no default."""
    lines = ["| Variable | Default | What it is | Type |", "| --- | --- | --- | --- |"]
    for block in blocks:
        default = "**required**" if block.default is None else f"`{block.default}`"
        lines.append(f"| `{block.name}` | {default} | {block.description} | `{block.type}` |")
    return "\n".join(lines)


def write_outputs(blocks: list[Block]) -> str:
    """Write the table of outputs."""
    lines = ["| Output | What it is |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{block.name}` | {block.description} |" for block in blocks)])


def update(page: str) -> str:
    """Put both tables between their markers."""
    tables = {
        "variables": write_variables(parse_blocks((INFRA / "variables.tf").read_text(), "variable")),
        "outputs": write_outputs(parse_blocks((INFRA / "outputs.tf").read_text(), "output")),
    }
    for name, table in tables.items():
        between = re.compile(rf"(?<=<!-- {name} -->\n\n).*(?=\n\n<!-- /{name} -->)", re.DOTALL)
        page, count = between.subn(lambda _, table=table: table, page)  # type: ignore[misc]
        if count != 1:
            raise SystemExit(f"{README}: the markers of the table of {name} are missing")
    return page


def main(arguments: list[str]) -> int:
    """Update the page, or check it."""
    page = README.read_text()
    updated = update(page)
    if "--check" in arguments:
        if page != updated:
            print(f"{README} is stale: run python docs/generate_infra.py", file=sys.stderr)  # noqa: T201
        return int(page != updated)
    README.write_text(updated)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
