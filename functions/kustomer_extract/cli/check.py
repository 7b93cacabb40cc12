"""`kustomer-extract check`: tries everything a run needs, in the order a run needs it, and writes nothing."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.cli.tables import print_table
from kustomer_extract.config import parse_integration
from kustomer_extract.errors import ExtractError, RetryLater
from kustomer_extract.events import Scope
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kustomer_extract.models import IntegrationName
    from kustomer_extract.ports import Ports, Source

_PATIENCE = timedelta(seconds=60)


def check(ports: Ports, name: IntegrationName) -> int:
    """Try configuration, key, roles, rate limit and warehouse; return the exit code."""
    report = _Report()
    with report.step("configuration") as tell:
        integration = parse_integration(name, ports.configs.fetch(name))
        tell(f"{integration.status}: {', '.join(integration.tables) or 'no table is selected'}")
        for warning in integration.warnings:
            tell(warning)
    if report.has_failed():
        report.show()
        return 2
    with report.step("API key") as tell:
        key = ports.secrets.fetch_api_key(name)
        tell("there is one")
    if not report.has_failed():
        with closing(ports.open_source(integration, key, ports.log, Scope(integration=name))) as source:
            for table in integration.tables:
                with report.step(f"role for {table}") as tell:
                    tell(f"{_count_first_page(ports, source, table)} rows on the first page")
            with report.step("rate limit") as tell:
                tell(
                    f"{source.limit or 'unknown'} requests a minute, of which a run takes {integration.rate_share:.0%}"
                )
    for table in Table:
        with report.step(f"published {table}") as tell:
            rows = ports.warehouse.count_published(name, table)
            tell("nothing yet" if rows is None else f"{rows:,} rows")
    report.show()
    return 1 if report.has_failed() else 0


def _count_first_page(ports: Ports, source: Source, table: Table) -> int:
    with closing(source.iter_pages(table, start=None, until=ports.clock.now() + _PATIENCE)) as pages:
        for page in pages:
            return len(page.records)
    raise RetryLater("no answer within a minute")


class _Report:
    """What was tried and what came of it, in order."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str]] = []

    @contextmanager
    def step(self, subject: str) -> Iterator[Callable[[str], None]]:
        """Try something, and note what it tells, or why it failed."""
        told: list[str] = []
        try:
            yield told.append
            self._rows.append((subject, "ok", "; ".join(told)))
        except ExtractError as error:
            self._rows.append((subject, "FAILED", str(error)))

    def has_failed(self) -> bool:
        """Tell whether any step so far has failed."""
        return any(result == "FAILED" for _, result, _ in self._rows)

    def show(self) -> None:
        print_table(("CHECKED", "RESULT", "FOUND"), self._rows)
