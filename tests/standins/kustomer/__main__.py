"""Run the sandbox by itself, until Ctrl-C; its address is the first line it prints."""

from __future__ import annotations

import argparse
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from tests.standins.kustomer.faults import CATALOGUE, Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_RULE: Mapping[str, Callable[[str], Any]] = {
    "table": str,
    "page": int,
    "attempt": int,
    "after": int,
    "times": int,
    "probability": float,
}


def parse_fault(text: str) -> Fault:
    """Read ``NAME[:field=value,…]``: a fault of the catalogue, and which requests it strikes."""
    name, _, rule = text.partition(":")
    try:
        settings = [setting.partition("=") for setting in rule.split(",") if setting]
        return replace(CATALOGUE[name], **{field: _RULE[field](value) for field, _, value in settings})
    except (KeyError, ValueError) as wrong:
        raise argparse.ArgumentTypeError(f"{text!r}: {wrong}; see the end of --help") from wrong


def parse_missing_role(text: str) -> tuple[str, int]:
    """Read ``TABLE[=STATUS]``."""
    table, _, status = text.partition("=")
    return table, int(status or 401)


def build_parser() -> argparse.ArgumentParser:
    """All options; README.md describes them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.kustomer",
        description=__doc__,
        epilog=f"Faults: {', '.join(CATALOGUE)}. Fields: {', '.join(_RULE)}.",
    )
    parser.add_argument("--conversations", type=int, default=5000, metavar="N")
    parser.add_argument("--surveys", type=int, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--unknown-every", type=int, default=0, metavar="N", help="an undocumented key in every Nth")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0: any free one")
    parser.add_argument("--latency-seconds", type=float, default=0.0, metavar="S", help="before each answer")
    parser.add_argument("--jitter-seconds", type=float, default=0.0, metavar="S", help="up to so much more, by seed")
    parser.add_argument("--compress", action="store_true", help="gzip, for clients that accept it")
    parser.add_argument(
        "--clock-offset-seconds", type=float, default=0.0, metavar="S", help="the server's clock is ahead"
    )
    parser.add_argument("--key", default="sandbox-key")
    parser.add_argument("--expired", action="store_true", help="the key has expired")
    parser.add_argument("--missing-role", type=parse_missing_role, action="append", default=[], metavar="TABLE[=403]")
    parser.add_argument("--fault", type=parse_fault, action="append", default=[], metavar="NAME[:FIELD=VALUE,…]")
    _add_fields(parser, "limit", RateLimit)
    _add_fields(parser, "paging", Paging)
    return parser


def build_sandbox(arguments: Sequence[str] | None = None) -> Sandbox:
    """Read the command line."""
    options = vars(build_parser().parse_args(arguments))
    offset = options.pop("clock_offset_seconds")
    limit, paging = _take_fields(options, "limit", RateLimit), _take_fields(options, "paging", Paging)
    return Sandbox(
        faults=options.pop("fault"),
        missing_roles=dict(options.pop("missing_role")),
        limit=RateLimit(**limit) if limit else None,
        paging=Paging(**paging),
        clock=lambda: time.time() + offset,
        **options,
    )


def _add_fields(parser: argparse.ArgumentParser, prefix: str, kind: type[RateLimit | Paging]) -> None:
    """One option for each field of a data class, ``--limit-window {fixed,sliding}``."""
    group = parser.add_argument_group(prefix)
    for name, hint in get_type_hints(kind).items():
        option, parts = f"--{prefix}-{name.replace('_', '-')}", (hint, *get_args(hint))
        words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
        if hint is bool:
            group.add_argument(option, action="store_true", default=argparse.SUPPRESS)
        elif words:
            none = ["none"] if type(None) in parts else []
            group.add_argument(option, choices=words + none, default=argparse.SUPPRESS)
        else:
            number = float if hint is float else int
            group.add_argument(option, type=number, default=argparse.SUPPRESS, metavar="N")


def _take_fields(options: dict[str, Any], prefix: str, kind: type[RateLimit | Paging]) -> dict[str, Any]:
    """Move what was given for a data class out of the options."""
    names = [field.name for field in fields(kind) if f"{prefix}_{field.name}" in options]
    given = {name: options.pop(f"{prefix}_{name}") for name in names}
    return {name: None if value == "none" else value for name, value in given.items()}


def main() -> None:
    """Serve until interrupted, then say how often each status was answered."""
    with build_sandbox() as sandbox:
        print(sandbox.url, flush=True)  # noqa: T201 - the first line is what scripts read
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        print(dict(Counter(request.status for request in sandbox.requests)))  # noqa: T201


if __name__ == "__main__":
    main()
