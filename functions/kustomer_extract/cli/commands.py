"""The commands: each reads or asks through the ports, prints to standard output, and returns its exit code."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kustomer_extract.adapters.codec import to_row
from kustomer_extract.bootstrap import LAPTOP_LIMITS
from kustomer_extract.cli.check import check
from kustomer_extract.cli.tables import format_time, print_table, say
from kustomer_extract.config import parse_integration
from kustomer_extract.errors import ConfigInvalid, Misused, NeedsPerson, UnknownIntegration
from kustomer_extract.models import JobStatus, Message, RunId, Table, Trigger, colour, to_live_name
from kustomer_extract.pipeline.run import execute
from kustomer_extract.schema import iter_paths, load_schema, select

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping, Sequence

    from kustomer_extract.models import Colour, IntegrationName, Job
    from kustomer_extract.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An installation, opened.

    Attributes:
        where: What stands before a table's name in a query: a schema or a dataset.
        is_laptop: Runs happen in this process.
    """

    ports: Ports
    where: str
    is_laptop: bool = False

    def resolve(self, name: IntegrationName | None) -> IntegrationName:
        """Choose the integration that is meant.

        Raises:
            UnknownIntegration: there is none of this name.
            Misused: the name was left out, and there are several.
        """
        names = self.ports.configs.list_names()
        if name is None and len(names) != 1:
            raise Misused(f"NAME is needed, one of: {', '.join(names) or 'none is configured yet'}")
        chosen = name or names[0]
        if chosen not in names:
            raise UnknownIntegration(chosen, names)
        return chosen


def run(session: Session, options: Namespace) -> int:
    """Run an integration here, or have it run in the cloud."""
    name = session.resolve(options.name)
    now = session.ports.clock.now()
    message = Message(integration=name, trigger=Trigger.MANUAL, message_id=uuid.uuid4().hex, published_at=now)
    if not session.is_laptop:
        session.ports.continuations.publish(message)
        say(f"{name}: a manual trigger was published; see `kustomer-extract jobs {name}` for what comes of it")
        return 0
    outcome = execute(message, session.ports, limits=LAPTOP_LIMITS)
    if outcome.state is None:
        say(f"{name}: not run, because: {outcome.reason}")
        return 0
    jobs = outcome.state.jobs
    print_table(
        ("TABLE", "STATUS", "ROWS", "PAGES", "SECONDS", "ERROR"),
        [
            (
                f"{session.where}.{to_live_name(name, job.table)}",
                job.status,
                job.rows,
                job.pages,
                round((job.minutes or 0) * 60, 1),
                job.error_code,
            )
            for job in jobs
        ],
    )
    if any(job.error_code == ConfigInvalid.code for job in jobs):
        return 2
    return 1 if any(job.status is JobStatus.FAILED for job in jobs) else 0


def list_integrations(session: Session, _options: Namespace) -> int:
    """Show all integrations and their last runs."""
    rows = []
    for name in session.ports.configs.list_names():
        jobs = session.ports.warehouse.fetch_jobs(name, limit=len(Table))
        last = [job for job in jobs if job.run_id == jobs[0].run_id]
        rows.append(
            (
                name,
                _fetch_status(session, name),
                format_time(min((job.started_at for job in last if job.started_at), default=None)),
                colour(last).value if last else None,
                sum(job.rows for job in last if job.status is JobStatus.SUCCEEDED) if last else None,
            )
        )
    print_table(("NAME", "STATUS", "LAST RUN", "COLOUR", "ROWS"), rows)
    return 0


def _fetch_status(session: Session, name: IntegrationName) -> str:
    try:
        return parse_integration(name, session.ports.configs.fetch(name), now=session.ports.clock.now()).status.value
    except NeedsPerson:
        return "INVALID"  # `check` tells why


def show_tables(session: Session, options: Namespace) -> int:
    """Show what can be selected, and what is."""
    name = session.resolve(options.name)
    integration = parse_integration(name, session.ports.configs.fetch(name), now=session.ports.clock.now())
    rows: list[tuple[object, ...]] = []
    for table in Table:
        config, schema = integration.tables.get(table), load_schema(table)
        selected = {path for path, _ in iter_paths(select(schema, config.columns))} if config else set()
        if options.columns:
            rows += [
                (
                    table,
                    ".".join(path),
                    _to_type(field.type, field.mode),
                    field.personal or "-",
                    _tick(path in selected),
                )
                for path, field in iter_paths(schema)
            ]
        else:
            total, limit = sum(1 for _ in iter_paths(schema)), config.max_drop_percent if config else None
            rows.append((table, _tick(config is not None), f"{len(selected)} of {total}", limit))
    if options.columns:
        print_table(("TABLE", "COLUMN", "TYPE", "PERSONAL", "SELECTED"), rows)
    else:
        print_table(("TABLE", "SELECTED", "COLUMNS", "MAX DROP %"), rows)
    return 0


def show_jobs(session: Session, options: Namespace) -> int:
    """Show the history; of all integrations if none is named."""
    fetched = session.ports.warehouse.fetch_jobs(options.name, limit=options.limit + len(Table))
    if not fetched and options.name is not None:
        session.resolve(options.name)
    colours = _to_colours(fetched)  # of whole runs: the limit may part the last one
    jobs = fetched[: options.limit]
    if options.json:
        rows = [{**to_row(job), "color": colours[job.run_id].value} for job in jobs]
        say(json.dumps(rows, default=lambda moment: moment.isoformat(), ensure_ascii=False, indent=2))
        return 0
    print_table(
        ("STARTED", "INTEGRATION", "TABLE", "STATUS", "ROWS", "MINUTES", "ERROR", "COLOUR", "RUN"),
        [
            (
                format_time(job.started_at),
                job.integration,
                job.table,
                job.status,
                job.rows,
                job.minutes,
                job.error_code,
                colours[job.run_id],
                job.run_id,
            )
            for job in jobs
        ],
    )
    return 0


@runtime_checkable
class CanRollBack(Protocol):
    """A warehouse that keeps earlier rows."""

    def rollback(self, integration: IntegrationName, table: Table, run_id: RunId) -> Job:
        """Publish the rows of an earlier run again; return the job that is in the history now."""


def rollback(session: Session, options: Namespace) -> int:
    """Publish an earlier run's rows again."""
    warehouse = session.ports.warehouse
    if not isinstance(warehouse, CanRollBack):
        raise Misused("rollback needs BigQuery's time travel, so --project; a DuckDB file keeps no earlier rows")
    name = session.resolve(options.name)
    job = warehouse.rollback(name, options.table, RunId(options.to))
    say(f"{session.where}.{to_live_name(name, options.table)} has the {job.rows:,} rows of {options.to} again")
    say(f"The next run replaces them: to keep them, set status: PAUSED in the document integrations/{name}")
    return 0


COMMANDS: Mapping[str, Callable[[Session, Namespace], int]] = {
    "run": run,
    "list": list_integrations,
    "check": lambda session, options: check(session.ports, session.resolve(options.name), as_json=options.json),
    "tables": show_tables,
    "jobs": show_jobs,
    "rollback": rollback,
}


def _to_colours(jobs: Sequence[Job]) -> dict[RunId, Colour]:
    return {run_id: colour([job for job in jobs if job.run_id == run_id]) for run_id in {job.run_id for job in jobs}}


def _to_type(kind: str, mode: str) -> str:
    return f"{kind} REPEATED" if mode == "REPEATED" else kind


def _tick(selected: bool) -> str:  # noqa: FBT001 - it is what is shown
    return "yes" if selected else "no"
