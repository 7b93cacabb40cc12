"""The command `kustomer-extract`: what it was asked for, where, and how it went. No rule of a run lives here.

Exit codes: 0 all succeeded, or rightly skipped · 1 something failed · 2 usage or configuration · 130 interrupted.
Outcomes go to standard output, events and errors to standard error.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kustomer_extract.adapters.clock import SystemClock
from kustomer_extract.adapters.laptop.terminal import TerminalLog
from kustomer_extract.bootstrap import open_cloud, open_laptop, parse_settings
from kustomer_extract.cli.arguments import parse_arguments
from kustomer_extract.cli.commands import COMMANDS, Session
from kustomer_extract.errors import ConfigInvalid, ExtractError, Misused, ServiceRefused, UnknownIntegration

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130

_EXTRAS = dict.fromkeys(("duckdb", "tqdm", "yaml"), "laptop") | dict.fromkeys(
    ("google", "google_crc32c"), "laptop,cloud"
)
"""Packages that a small installation lacks, and the extras of pyproject.toml that bring them."""


def main(arguments: Sequence[str] | None = None, *, environment: Mapping[str, str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Without the command's own name; those of the process if None.
        environment: KUSTOMER_API_KEY on a laptop, and the variables of `bootstrap.Settings`; the process's if None.

    Returns:
        The exit code. What is a bug raises.
    """
    options = parse_arguments(arguments)
    try:
        with _open_session(options, os.environ if environment is None else environment) as session:
            return COMMANDS[options.command](session, options)
    except (ConfigInvalid, UnknownIntegration, ServiceRefused, Misused) as error:
        return _report(error, _USAGE)
    except ExtractError as error:
        return _report(error, _FAILED)
    except KeyboardInterrupt:
        return _report("interrupted: the published tables are as they were, and the next run starts over", _INTERRUPTED)
    except ModuleNotFoundError as error:
        extras = _EXTRAS.get((error.name or "").partition(".")[0])
        if extras is None:
            raise
        return _report(
            f"the package {error.name} is missing. What to do: pip install '.[{extras}]' in the project's folder",
            _USAGE,
        )


def _report(problem: object, exit_code: int) -> int:
    sys.stderr.write(f"kustomer-extract: {problem}\n")
    return exit_code


@contextmanager
def _open_session(options: Namespace, environment: Mapping[str, str]) -> Iterator[Session]:
    with closing(TerminalLog(sys.stderr, SystemClock())) as log:
        if options.project:
            settings = parse_settings({**environment, **_to_variables(options, environment)})
            yield Session(ports=open_cloud(settings, log=log).ports, where=f"{settings.project}.{settings.dataset}")
            return
        file = options.warehouse
        if options.command != "run" and not file.exists() and os.access(file.parent, os.W_OK):
            file = Path(":memory:")  # only a run makes the file
        with open_laptop(config_path=options.config, warehouse_path=file, environment=environment, log=log) as ports:
            yield Session(ports=ports, where=_to_schema(options.warehouse.stem), is_laptop=True)


def _to_variables(options: Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """Write the options of the cloud as the function's environment has them."""
    topic = options.topic or environment.get("PUBSUB_TOPIC") or "kustomer-trigger"
    given = {
        "GOOGLE_CLOUD_PROJECT": options.project,
        "PUBSUB_TOPIC": topic if "/" in topic else f"projects/{options.project}/topics/{topic}",
        "FIRESTORE_DATABASE": options.database or environment.get("FIRESTORE_DATABASE") or "kustomer",
        "BIGQUERY_DATASET": options.dataset,
        "BIGQUERY_LOCATION": options.location,
    }
    return {name: value for name, value in given.items() if value}


def _to_schema(catalogue: str) -> str:
    """Name the schema as DuckDB understands it: `kustomer` alone is ambiguous in a file of that name."""
    return "kustomer.kustomer" if catalogue == "kustomer" else "kustomer"
