"""The command line: one option for each setting of the sandbox, its limits, its paging and its search."""

from __future__ import annotations

import argparse
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from tests.standins.kustomer.catalogue import CATALOGUE, describe
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import CapWay, Paging, cap_list
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.standins.kustomer.faults import Fault

_PLACES = ("first", "middle", "last")
_RULE: Mapping[str, Callable[[str], Any]] = {
    "table": str,
    "page": lambda value: value if value in _PLACES else int(value),
    "attempt": int,
    "after": int,
    "times": int,
    "lasts_seconds": float,
    "probability": float,
    "keeps": int,
    "fewer": int,
    "total_off": int,
}
_EPILOG = f"""faults, as NAME[:FIELD=VALUE,…]:
{describe()}

fields: {", ".join(_RULE)}
  table=T        conversations, satisfaction, users, teams, conversation (one by its id), search, archive or token
  page=N         or page=first, page=middle, page=last
  times=N        for N of those requests; times=1: once; without it: always
  attempt=1      the first request of each page
  after=N        after N of those requests
  lasts_seconds=S, probability=P
  keeps=N, fewer=N, total_off=N   rows that are left of the page, rows missing at its end, difference of its total

for example: --fault short-page:table=conversations,page=middle,times=1 --fault status-401:after=3,times=1
"""


_Settings: TypeAlias = RateLimit | Paging | Search
_GROUPS: Mapping[str, type[_Settings]] = {
    "search_limit": RateLimit,
    "limit": RateLimit,
    "paging": Paging,
    "search": Search,
}
"""Prefixes of options. A prefix that begins with another one must come first."""


def parse_fault(text: str) -> Fault:
    """Read ``NAME[:field=value,…]``: a fault of the catalogue, and which requests it affects."""
    name, _, rule = text.partition(":")
    try:
        settings = [setting.partition("=") for setting in rule.split(",") if setting]
        return replace(CATALOGUE[name], **{field: _RULE[field](value) for field, _, value in settings})
    except (KeyError, ValueError) as wrong:
        raise argparse.ArgumentTypeError(f"{text!r}: {wrong}; see the end of --help") from wrong


def parse_missing_role(text: str) -> tuple[str, int]:
    """Read ``NAME[=STATUS]``."""
    table, _, status = text.partition("=")
    return table, int(status or 401)


def build_parser() -> argparse.ArgumentParser:
    """Build all options. README.md describes them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.kustomer",
        description="Run a Kustomer sandbox until Ctrl-C. It prints the two settings that a client needs.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("--conversations", type=int, default=5000, metavar="N")
    parser.add_argument("--surveys", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument(
        "--unknown-every", type=int, default=0, metavar="N", help="every Nth conversation has an undocumented key"
    )
    parser.add_argument(
        "--hide-every", type=int, default=0, metavar="N", help="every Nth conversation is hidden from the key"
    )
    parser.add_argument(
        "--burst", type=int, default=0, metavar="N", help="N conversations are created in one millisecond"
    )
    parser.add_argument("--sparse", action="store_true", help="every conversation has hardly any attributes")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0: any free port")
    parser.add_argument("--latency-seconds", type=float, default=0.0, metavar="S", help="delay of each response")
    parser.add_argument(
        "--jitter-seconds", type=float, default=0.0, metavar="S", help="random additional delay, by seed"
    )
    parser.add_argument("--compress", action="store_true", help="gzip, for clients that accept it")
    parser.add_argument(
        "--clock-offset-seconds", type=float, default=0.0, metavar="S", help="how far the server's clock is ahead"
    )
    parser.add_argument("--key", default="sandbox-key")
    parser.add_argument("--expired", action="store_true", help="the key has expired")
    parser.add_argument("--missing-role", type=parse_missing_role, action="append", default=[], metavar="NAME[=403]")
    parser.add_argument("--fault", type=parse_fault, action="append", default=[], metavar="NAME[:FIELD=VALUE,…]")
    parser.add_argument("--capped", choices=get_args(CapWay), help="how the list of conversations ends at its cap")
    parser.add_argument(
        "--capped-pages", type=int, default=100, metavar="N", help="the number of pages at which it is capped"
    )
    for prefix, kind in _GROUPS.items():
        _add_fields(parser, prefix, kind)
    return parser


def build_sandbox(arguments: Sequence[str] | None = None) -> Sandbox:
    """Read the command line."""
    options = vars(build_parser().parse_args(arguments))
    offset = options.pop("clock_offset_seconds")
    way, pages = options.pop("capped"), options.pop("capped_pages")
    given = {prefix: _take_fields(options, prefix, kind) for prefix, kind in _GROUPS.items()}
    capped = cap_list(way, pages=pages, table="conversations") if way else Paging()
    return Sandbox(
        faults=options.pop("fault"),
        missing_roles=dict(options.pop("missing_role")),
        limit=RateLimit(**given["limit"]) if given["limit"] else None,
        search_limit=RateLimit(**given["search_limit"]) if given["search_limit"] else None,
        paging=replace(capped, **given["paging"]),
        search=Search(**given["search"]),
        clock=lambda: time.time() + offset,
        **options,
    )


def _add_fields(parser: argparse.ArgumentParser, prefix: str, kind: type[_Settings]) -> None:
    """Add one option for each field of a data class, for example ``--limit-window {fixed,sliding}``."""
    group = parser.add_argument_group(prefix)
    for name, hint in get_type_hints(kind).items():
        option, parts = f"--{prefix}-{name}".replace("_", "-"), (hint, *get_args(hint))
        words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if hint is bool:
            group.add_argument(option, action="store_true", default=argparse.SUPPRESS)
        elif words:
            none = ["none"] if type(None) in parts else []
            group.add_argument(option, choices=words + none, default=argparse.SUPPRESS)
        else:
            number = float if float in parts else int
            group.add_argument(option, type=number, default=argparse.SUPPRESS, metavar="N")


def _take_fields(options: dict[str, Any], prefix: str, kind: type[_Settings]) -> dict[str, Any]:
    """Remove the options of a data class, and return those that were given."""
    names = [field.name for field in fields(kind) if f"{prefix}_{field.name}" in options]
    given = {name: options.pop(f"{prefix}_{name}") for name in names}
    return {name: None if value == "none" else value for name, value in given.items()}
