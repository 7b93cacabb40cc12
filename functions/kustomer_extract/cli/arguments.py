"""The arguments of `kustomer-extract`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kustomer_extract.models import IntegrationName, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME_HELP = "the integration; may be left out where there is only one"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments. Without any, show the help. Wrong arguments end the process with exit code 2."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        parser.exit(0)
    return options


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kustomer-extract",
        description="Kustomer's conversations and satisfaction surveys, complete, in DuckDB or BigQuery.",
        epilog="Begin with: kustomer-extract init",
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    place = _build_place()

    def add(name: str, text: str, example: str, *, takes_name: bool = True) -> argparse.ArgumentParser:
        epilog = f"Example: kustomer-extract {example}"
        command = commands.add_parser(name, help=text, description=f"{text}.", epilog=epilog, parents=[place])
        if takes_name:
            command.add_argument("name", metavar="NAME", nargs="?", type=IntegrationName, help=_NAME_HELP)
        return command

    _add_init(add("init", "Write kustomer.yaml, then check", "init acme --org acme --history-start 2024-01-01"))
    _add_run(
        add("run", "Run one integration now (in the cloud: publish a manual trigger)", "run acme", takes_name=False)
    )
    listing = add("list", "Show integrations: status, last run, colour, rows", "list", takes_name=False)
    check = add("check", "Try key, roles, rate limit, configuration and warehouse; writes nothing", "check acme")
    check.add_argument(
        "--report",
        action="store_true",
        help="say in Markdown what the key tells of facts that Kustomer does not document, without any value",
    )
    tables = add("tables", "Show what can be selected, and what is", "tables acme --columns")
    tables.add_argument("--columns", action="store_true", help="every column, at any depth")
    jobs = add("jobs", "Show the history, newest first, with the run's colour", "jobs acme --limit 4")
    jobs.add_argument("--limit", type=_read_limit, default=20, metavar="N", help="jobs to show (default: 20)")
    for command in (listing, check, tables, jobs):
        command.add_argument("--json", action="store_true", help="the same as JSON, errors in full")
    rollback = add(
        "rollback",
        "Publish an earlier run's rows again (BigQuery only)",
        "rollback acme conversations --to 20261123t030000z-1a2b3c4d --project my-project",
        takes_name=False,
    )
    rollback.add_argument("name", metavar="NAME", type=IntegrationName)
    rollback.add_argument("table", metavar="TABLE", type=Table, choices=list(Table))
    rollback.add_argument("--to", metavar="RUN_ID", required=True, help="a run of `kustomer-extract jobs`")
    return parser


def _add_init(command: argparse.ArgumentParser) -> None:
    command.set_defaults(report=False, json=False)  # it ends with a check
    command.add_argument("--org", help="the subdomain you sign in at: acme of https://acme.kustomerapp.com")
    command.add_argument("--history-start", metavar="DATE", help="leave out conversations created before it")
    command.add_argument(
        "--personal-data",
        action=argparse.BooleanOptionalAction,
        help="whether words of and about customers may be stored",
    )


def _add_run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "words", metavar="NAME TABLE", nargs="*", help=f"{_NAME_HELP}; then tables, if not all that are selected"
    )
    command.add_argument("--dry-run", action="store_true", help="say what would be requested and changed; do nothing")
    command.add_argument("--json", action="store_true", help="the jobs as JSON, errors in full")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only warnings and errors")


def _build_place() -> argparse.ArgumentParser:
    """Build the options for laptop and cloud, which all commands have."""
    place = argparse.ArgumentParser(add_help=False)
    laptop = place.add_argument_group(
        "on a laptop (the key is read from KUSTOMER_API_KEY_<NAME>, else from KUSTOMER_API_KEY)"
    )
    laptop.add_argument(
        "--config", type=Path, default=Path("kustomer.yaml"), metavar="FILE", help="default: kustomer.yaml"
    )
    laptop.add_argument(
        "--warehouse", type=Path, default=Path("kustomer.duckdb"), metavar="FILE", help="default: kustomer.duckdb"
    )
    cloud = place.add_argument_group("in the cloud (with application default credentials)")
    cloud.add_argument("--project", metavar="P", help="the Google Cloud project; selects the cloud")
    cloud.add_argument("--database", metavar="D", help="Firestore; default: FIRESTORE_DATABASE, or kustomer")
    cloud.add_argument("--dataset", metavar="D", help="BigQuery; default: BIGQUERY_DATASET, or kustomer")
    cloud.add_argument("--location", metavar="L", help="of the dataset; default: BIGQUERY_LOCATION, or where it is")
    cloud.add_argument("--topic", metavar="T", help="Pub/Sub; default: PUBSUB_TOPIC, or kustomer-trigger")
    return place


def _read_limit(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


class _ShowVersion(argparse.Action):
    """Looks the release up only when somebody asks: the look-up takes longer than the rest of the parser."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(message=f"{parser.prog} {read_version()}\n")


def read_version() -> str:
    """Say which release this is."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - see `_ShowVersion`

    try:
        return version("kustomer-extract")
    except PackageNotFoundError:
        return "(not installed, run from its source)"
