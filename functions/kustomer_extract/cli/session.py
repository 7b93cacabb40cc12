"""Opens what a command works with: the files of a laptop, or a project of Google Cloud."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.adapters.clock import SystemClock
from kustomer_extract.adapters.laptop.terminal import TerminalLog
from kustomer_extract.bootstrap import open_cloud, open_laptop, parse_settings, read_names
from kustomer_extract.config import parse_integration
from kustomer_extract.errors import UnknownIntegration, UsageError
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from kustomer_extract.config import Integration
    from kustomer_extract.models import IntegrationName
    from kustomer_extract.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An open installation.

    Attributes:
        where: The schema or dataset before a table's name in a query.
        opener: The command that opens the data.
        log: Shows events to the person.
        was_interrupted: Whether somebody has pressed Ctrl-C.
        is_laptop: Whether runs happen in this process.
        looked_at: The file in which a laptop's history is; empty in the cloud.
    """

    ports: Ports
    where: str
    opener: str
    log: TerminalLog
    was_interrupted: Callable[[], bool]
    is_laptop: bool = False
    looked_at: str = ""

    def resolve(self, name: IntegrationName | None) -> IntegrationName:
        """Return the integration that is meant.

        Raises:
            UnknownIntegration: no integration has this name.
            UsageError: the name was left out, and there are several.
        """
        names = self.ports.configs.list_names()
        if name is None and len(names) != 1:
            raise UsageError(f"NAME is needed, one of: {', '.join(names) or 'none is configured yet'}")
        chosen = name or names[0]
        if chosen not in names:
            raise UnknownIntegration(chosen, names)
        return chosen


def read_integration(ports: Ports, name: IntegrationName) -> Integration:
    """Read a configuration document, as a run that starts now would.

    Raises:
        ConfigInvalid: with every problem of the document.
    """
    document, now = ports.configs.fetch(name), ports.clock.now()
    return parse_integration(name, document, now=now, where=ports.configs.locate(name))


@contextmanager
def open_session(
    options: Namespace, environment: Mapping[str, str], was_interrupted: Callable[[], bool]
) -> Iterator[Session]:
    """Open what the options name. Only `run` writes to a laptop's DuckDB file, or creates one."""
    with closing(TerminalLog(sys.stderr, SystemClock(), quiet=getattr(options, "quiet", False))) as log:
        if options.project:
            settings = parse_settings({**environment, **_to_variables(options, environment)})
            where = f"{settings.project}.{settings.dataset}"
            opener = f"bq query --use_legacy_sql=false --project_id={settings.project}"
            yield Session(
                ports=open_cloud(settings, log=log).ports,
                where=where,
                opener=opener,
                log=log,
                was_interrupted=was_interrupted,
            )
            return
        file: Path = options.warehouse
        if str(file) == ":memory:":
            raise UsageError("--warehouse :memory: would be gone at the end of the command: name a file")
        writes = options.command == "run" and not options.dry_run
        if writes:  # a mistyped name must not create a file
            names = read_names(options.config)
            name, _ = choose_tables(options.words, names)
            if name is not None and name not in names:
                raise UnknownIntegration(name, names)
        with open_laptop(
            config_path=options.config,
            warehouse_path=file,
            environment=environment,
            log=log,
            read_only=not writes,
        ) as ports:
            yield Session(
                ports=ports,
                where=to_schema(file.stem),
                opener=f"duckdb {file}",
                log=log,
                was_interrupted=was_interrupted,
                is_laptop=True,
                looked_at=str(file.absolute()),
            )


def choose_tables(words: Sequence[str], names: Sequence[str]) -> tuple[IntegrationName | None, tuple[Table, ...]]:
    """Read the words after `run`: an integration, then tables. The integration may be left out if there is only one.

    Raises:
        UsageError: a word is neither.
    """
    rest = list(words)
    name: IntegrationName | None = None
    if rest and (rest[0] in names or rest[0] not in set(Table)):
        name = rest.pop(0)  # type: ignore[assignment] # `resolve` checks whether it is one
    unknown = [word for word in rest if word not in set(Table)]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is not a table; the tables are {', '.join(Table)}")
    return name, tuple(table for table in Table if table in rest)


def _to_variables(options: Namespace, environment: Mapping[str, str]) -> dict[str, str]:
    """Turn the options for the cloud into the variables of the function's environment."""
    topic = options.topic or environment.get("PUBSUB_TOPIC") or "kustomer-trigger"
    given = {
        "GOOGLE_CLOUD_PROJECT": options.project,
        "PUBSUB_TOPIC": topic if "/" in topic else f"projects/{options.project}/topics/{topic}",
        "FIRESTORE_DATABASE": options.database or environment.get("FIRESTORE_DATABASE") or "kustomer",
        "BIGQUERY_DATASET": options.dataset,
        "BIGQUERY_LOCATION": options.location,
    }
    return {name: value for name, value in given.items() if value}


def to_schema(catalogue: str) -> str:
    """Return the schema's name for a query: `kustomer` alone is ambiguous in a file of that name."""
    return f"{catalogue}.kustomer" if catalogue.casefold() == "kustomer" else "kustomer"
