"""`kustomer-extract run`: on a laptop in this process, in the cloud by a message."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kustomer_extract.adapters.codec import to_row
from kustomer_extract.adapters.kustomer.pace import ASSUMED_LIMIT
from kustomer_extract.adapters.kustomer.progress import PAGE_SIZE
from kustomer_extract.bootstrap import run_here, stop_here
from kustomer_extract.cli.output import count, print_table, say
from kustomer_extract.cli.session import choose_tables, read_integration
from kustomer_extract.errors import ConfigInvalid, UsageError
from kustomer_extract.models import JobStatus, Message, Table, Trigger, to_live_name
from kustomer_extract.pipeline.table import choose_columns
from kustomer_extract.views import list_paths

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from kustomer_extract.cli.session import Session
    from kustomer_extract.config import Integration
    from kustomer_extract.models import Document, IntegrationName, Job
    from kustomer_extract.ports import ConfigStore

_FAILED = 1
_USAGE = 2


def run_in_cloud(session: Session, options: Namespace) -> int:
    """Publish a manual trigger."""
    wanted, tables = choose_tables(options.words, session.ports.configs.list_names())
    if tables:
        raise UsageError("in the cloud a run takes all tables that are selected: leave TABLE out, or untick others")
    name = session.resolve(wanted)
    session.ports.continuations.publish(_to_message(session, name))
    say(f"{name}: a manual trigger was published; see `kustomer-extract jobs {name}` for its result")
    return 0


def run(session: Session, options: Namespace) -> int:
    """Run an integration in this process until it ends."""
    wanted, tables = choose_tables(options.words, session.ports.configs.list_names())
    name, ports = session.resolve(wanted), session.ports
    if tables:
        ports = replace(ports, configs=_OnlySome(ports.configs, tables))
    session.log.expect({table: ports.warehouse.count_published(name, table) or 0 for table in Table})
    message = _to_message(session, name)
    try:
        outcome = run_here(message, ports)
    except BaseException as error:
        if not session.was_interrupted():
            raise
        state = stop_here(message, ports)
        raise KeyboardInterrupt(_describe_interruption(state.jobs if state else ())) from error
    if outcome.state is None:
        say(f"{name}: not run, because: {outcome.reason}")
        return 0
    jobs = outcome.state.jobs
    if options.json:
        rows = [to_row(job) for job in jobs]
        say(json.dumps(rows, default=lambda moment: moment.isoformat(), ensure_ascii=False, indent=2))
    else:
        _show(session, name, jobs)
    if any(job.error_code == ConfigInvalid.code for job in jobs):
        return _USAGE
    return _FAILED if any(job.status is JobStatus.FAILED for job in jobs) else 0


def _to_message(session: Session, name: IntegrationName) -> Message:
    now = session.ports.clock.now()
    return Message(integration=name, trigger=Trigger.MANUAL, message_id=uuid.uuid4().hex, published_at=now)


def _show(session: Session, name: IntegrationName, jobs: Sequence[Job]) -> None:
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
    if any(job.status is JobStatus.SUCCEEDED for job in jobs):
        say(f"\nTo look at the data: {session.opener}")


def _describe_interruption(jobs: Sequence[Job]) -> str:
    """Say which tables an interrupted run has published, and which not."""
    done = [job.table for job in jobs if job.status is JobStatus.SUCCEEDED]
    rest = [job.table for job in jobs if job.status is not JobStatus.SUCCEEDED]
    told = [f"{' and '.join(done)} {'is' if len(done) == 1 else 'are'} published"] if done else []
    told += [f"{' and '.join(rest)} stayed as before"] if rest else []
    return f"interrupted: {'; '.join(told) or 'nothing was changed'}; the next run starts over"


@dataclass(frozen=True, slots=True)
class _OnlySome:
    """Implements `ConfigStore`: the same documents, with only some tables selected."""

    configs: ConfigStore
    tables: Sequence[Table]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.configs, name)

    def fetch(self, integration: IntegrationName) -> Document:
        """Read the document, and select only these tables."""
        document = self.configs.fetch(integration)
        stored = document.get("tables")
        tables: Mapping[str, Any] = stored if isinstance(stored, dict) else {}
        only = {table: {**_to_map(tables.get(table)), "selected": table in self.tables} for table in Table}
        return {**document, "tables": only}


def _to_map(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


# --- dry run


def dry_run(session: Session, options: Namespace) -> int:
    """Print what a run would request, how long it takes, and which columns change. Sends nothing to Kustomer."""
    wanted, tables = choose_tables(options.words, session.ports.configs.list_names())
    name = session.resolve(wanted)
    integration = read_integration(session.ports, name)
    limit = integration.requests_per_minute or ASSUMED_LIMIT
    rows = []
    for table in tables or integration.tables:
        if table not in integration.tables:
            raise UsageError(f"{table} is not selected in the configuration of {name}")
        published = session.ports.warehouse.count_published(name, table)
        pages = None if published is None else -(-published // PAGE_SIZE)
        minutes = None if pages is None else round(pages / limit / integration.rate_share, 1)
        rows.append((table, published, pages, minutes, *_compare_columns(session, integration, table)))
    print_table(("TABLE", "ROWS LAST TIME", "REQUESTS", "MINUTES", "COLUMNS ADDED", "COLUMNS REMOVED"), rows)
    say(
        f"\nAt {limit:g} requests a minute and rate_share {integration.rate_share:g}, if there are as many rows as "
        "last time; a run reads the real limit off the answers. Nothing was requested or changed."
    )
    return 0


def _compare_columns(session: Session, integration: Integration, table: Table) -> tuple[str | None, str | None]:
    """Compare the columns that a run would publish with those that are published."""
    published = session.ports.warehouse.fetch_published_columns(integration.name, table)
    wanted = list_paths(choose_columns(integration, table).columns)
    if published is None:
        return (f"all {len(wanted)}", None)
    return count(wanted - published), count(published - wanted)
