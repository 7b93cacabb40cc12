"""`kustomer-extract init`: asks for the settings, and writes a configuration with every table and column."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kustomer_extract.adapters.clock import SystemClock
from kustomer_extract.cli.output import say
from kustomer_extract.config import parse_integration
from kustomer_extract.errors import UsageError
from kustomer_extract.models import IntegrationName, Table
from kustomer_extract.schema import ALWAYS_SELECTED, Personal, load_schema

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from kustomer_extract.schema import Field

_LEVELS = 2  # levels of columns that are written; deeper ones can be added by hand


def write_configuration(options: Namespace) -> None:
    """Write the file with the values of the options. Missing values are asked for.

    Raises:
        UsageError: the file exists already, or a value is missing and the input is not a terminal.
        ConfigInvalid: an answer is not allowed; nothing was written.
    """
    if options.config.exists():
        raise UsageError(f"{options.config} is there already: edit it, or name another file with --config")
    org = options.org or _ask("Subdomain you sign in at (acme of https://acme.kustomerapp.com)", "--org")
    name = options.name or _ask("Name of the integration, which begins the names of its tables", "NAME", org.lower())
    start = options.history_start
    if start is None:
        start = _ask("Leave out conversations created before (a date; empty: none)", "--history-start", "")
    personal = options.personal_data
    if personal is None:
        answer = _ask("Store words of and about customers (yes or no)", "--personal-data", "yes")
        personal = answer.strip().lower() not in {"n", "no", "false"}
    document = {"org": org, "personal_data": personal, **({"history_start": start} if start else {})}
    parse_integration(IntegrationName(name), {"status": "PENDING", **document}, now=SystemClock().now())
    options.config.write_text("".join(f"{line}\n" for line in _to_lines(name, document)), encoding="utf-8")
    options.name = IntegrationName(name)
    say(f"{options.config} is written; the check of what it needs:")


def _ask(question: str, option: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        if default is not None:
            return default
        raise UsageError(f"{option} is needed where nobody can be asked: kustomer-extract init --help")
    hint = f" [{default}]" if default else ""
    sys.stderr.write(f"{question}{hint}: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() or default or ""


def _to_lines(name: str, document: dict[str, object]) -> Iterator[str]:
    """Yield the lines of the file: settings, tables, and columns of two levels, each with its description."""
    yield "# What kustomer-extract replicates. docs/console.md explains each setting."
    yield "integrations:"
    yield f"  {name}:"
    yield f"    org: {document['org']} # https://{document['org']}.kustomerapp.com"
    if "history_start" in document:
        yield f"    history_start: {document['history_start']} # conversations created before are left out"
    personal = str(document["personal_data"]).lower()
    yield f"    personal_data: {personal} # false: words of and about customers only where a column says true"
    yield "    tables:"
    for table in Table:
        yield f"      {table}:"
        yield f"        selected: {str(not table.is_lookup).lower()}"
        yield "        columns: # true or false; a column that is not named is selected"
        yield from _to_column_lines(load_schema(table), "          ")


def _to_column_lines(fields: Sequence[Field], indent: str, *, level: int = 1) -> Iterator[str]:
    """Yield columns with their descriptions. Columns that depend on `personal_data` are written as comments."""
    for field in fields:
        if field.name in ALWAYS_SELECTED:
            continue
        about = f"# {field.description}"
        if field.fields and level < _LEVELS:
            yield f"{indent}{field.name}: {about}"
            yield from _to_column_lines(field.fields, f"{indent}  ", level=level + 1)
        elif field.personal is Personal.CONTENT and not field.is_custom:
            yield f"{indent}# {field.name}: true {about} As personal_data says, unless it is named here."
        else:
            yield f"{indent}{field.name}: true {about}"
