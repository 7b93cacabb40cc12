"""What may be typed after `kustomer-extract`."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from kustomer_extract.models import IntegrationName, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME_HELP = "the integration; may be left out where there is only one"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments; what cannot be read ends the process with exit code 2."""
    return _build_parser().parse_args(arguments)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kustomer-extract",
        description="Kustomer's conversations and satisfaction surveys, complete, in DuckDB or BigQuery.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_read_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    place = _build_place()

    def add(name: str, text: str, *, takes_name: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[place])
        if takes_name:
            command.add_argument("name", metavar="NAME", nargs="?", type=IntegrationName, help=_NAME_HELP)
        return command

    add("run", "run one integration now (in the cloud: publish a manual trigger)")
    add("list", "integrations: status, last run, colour, rows", takes_name=False)
    check = add("check", "try key, roles, rate limit, configuration and warehouse; writes nothing")
    check.add_argument("--json", action="store_true", help="a JSON list of what was looked at")
    tables = add("tables", "what can be selected, and what is")
    tables.add_argument("--columns", action="store_true", help="every column, at any depth")
    jobs = add("jobs", "history, newest first, with the run's colour")
    jobs.add_argument("--limit", type=_parse_limit, default=20, metavar="N", help="jobs to show (default: 20)")
    jobs.add_argument("--json", action="store_true", help="a JSON list, with errors in full")
    rollback = add("rollback", "publish an earlier run's rows again (BigQuery only)", takes_name=False)
    rollback.add_argument("name", metavar="NAME", type=IntegrationName)
    rollback.add_argument("table", metavar="TABLE", type=Table, choices=list(Table))
    rollback.add_argument("--to", metavar="RUN_ID", required=True, help="a run of `kustomer-extract jobs`")
    return parser


def _build_place() -> argparse.ArgumentParser:
    """Describe the options that say where; all commands have them."""
    place = argparse.ArgumentParser(add_help=False)
    laptop = place.add_argument_group("on a laptop (the key is read from KUSTOMER_API_KEY)")
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


def _read_version() -> str:
    try:
        return version("kustomer-extract")
    except PackageNotFoundError:
        return "(not installed, run from its source)"


def _parse_limit(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
