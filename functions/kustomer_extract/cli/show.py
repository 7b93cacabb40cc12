"""The commands `list`, `tables`, `jobs` and `rollback`. Each uses the ports, prints, and returns its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kustomer_extract.adapters.codec import to_row
from kustomer_extract.cli.output import format_time, print_table, say
from kustomer_extract.cli.session import read_integration
from kustomer_extract.errors import NeedsPerson, UsageError
from kustomer_extract.models import JobStatus, RunId, Table, colour, to_live_name
from kustomer_extract.schema import iter_paths, load_schema, select

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from kustomer_extract.cli.session import Session
    from kustomer_extract.models import Colour, IntegrationName, Job


def list_integrations(session: Session, options: Namespace) -> int:
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
    _show(("NAME", "STATUS", "LAST RUN", "COLOUR", "ROWS"), rows, options)
    return 0


def _fetch_status(session: Session, name: IntegrationName) -> str:
    try:
        return read_integration(session.ports, name).status.value
    except NeedsPerson:
        return "INVALID"  # `check` says why


def show_tables(session: Session, options: Namespace) -> int:
    """Show which tables and columns exist, and which are selected."""
    name = session.resolve(options.name)
    integration = read_integration(session.ports, name)
    rows: list[tuple[object, ...]] = []
    for table in Table:
        config, schema = integration.tables.get(table), load_schema(table)
        personal_data = integration.personal_data
        columns = select(schema, config.columns, personal_data=personal_data) if config else ()
        selected = {path for path, _ in iter_paths(columns)}
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
        _show(("TABLE", "COLUMN", "TYPE", "PERSONAL", "SELECTED"), rows, options)
    else:
        _show(("TABLE", "SELECTED", "COLUMNS", "MAX DROP %"), rows, options)
    return 0


def show_jobs(session: Session, options: Namespace) -> int:
    """Show the history of one integration, or of all if none is named."""
    fetched = session.ports.warehouse.fetch_jobs(options.name, limit=options.limit + len(Table))
    if not fetched and options.name is not None:
        session.resolve(options.name)
    if not fetched and not options.json and session.looked_at:
        say(f"no jobs yet in {session.looked_at}")
        return 0
    colours = _to_colours(fetched)  # colours need whole runs, and the limit may cut the last one
    jobs = fetched[: options.limit]
    if options.json:
        rows = [{**to_row(job), "color": colours[job.run_id].value} for job in jobs]
        say(json.dumps(rows, default=lambda moment: moment.isoformat(), ensure_ascii=False, indent=2))
        return 0
    print_table(
        (
            "STARTED",
            "INTEGRATION",
            "TABLE",
            "STATUS",
            "ROWS",
            "EXPECTED",
            "PROVEN BY",
            "MINUTES",
            "ERROR",
            "COLOUR",
            "RUN",
        ),
        [
            (
                format_time(job.started_at),
                job.integration,
                job.table,
                job.status,
                job.rows,
                job.expected_rows,
                job.proven_by,
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
        """Publish the rows of an earlier run again; return the job that records this."""


def rollback(session: Session, options: Namespace) -> int:
    """Publish an earlier run's rows again."""
    warehouse = session.ports.warehouse
    if not isinstance(warehouse, CanRollBack):
        raise UsageError("rollback needs BigQuery's time travel, so --project; a DuckDB file keeps no earlier rows")
    name = session.resolve(options.name)
    job = warehouse.rollback(name, options.table, RunId(options.to))
    say(f"{session.where}.{to_live_name(name, options.table)} has the {job.rows:,} rows of {options.to} again")
    say(f"The next run replaces them: to keep them, set status: PAUSED in the document integrations/{name}")
    return 0


def _show(headings: Sequence[str], rows: Sequence[Sequence[object]], options: Namespace) -> None:
    """Print rows as a table, or as JSON with the headings in snake case as keys."""
    if not options.json:
        print_table(headings, rows)
        return
    keys = [heading.lower().replace(" %", "_percent").replace(" ", "_") for heading in headings]
    say(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], ensure_ascii=False, indent=2))


def _to_colours(jobs: Sequence[Job]) -> dict[RunId, Colour]:
    return {run_id: colour([job for job in jobs if job.run_id == run_id]) for run_id in {job.run_id for job in jobs}}


def _to_type(kind: str, mode: str) -> str:
    return f"{kind} REPEATED" if mode == "REPEATED" else kind


def _tick(selected: bool) -> str:  # noqa: FBT001 - it is what is shown
    return "yes" if selected else "no"
