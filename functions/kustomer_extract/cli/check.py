"""`kustomer-extract check`: tries everything that a run needs, in the same order, and writes nothing."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.check import Finding, check_source
from kustomer_extract.adapters.kustomer.progress import PAGE_SIZE
from kustomer_extract.adapters.kustomer.source import KustomerSource
from kustomer_extract.cli.output import print_table, say
from kustomer_extract.cli.session import read_integration
from kustomer_extract.errors import ExtractError
from kustomer_extract.events import Scope
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kustomer_extract.config import Integration
    from kustomer_extract.models import IntegrationName
    from kustomer_extract.ports import Ports

_TIME_LIMIT = timedelta(minutes=2)


def check(ports: Ports, name: IntegrationName, *, as_json: bool = False) -> int:
    """Try configuration, key, roles, rate limit and warehouse; print a line for each, and return the exit code.

    Raises:
        ConfigInvalid: the configuration is wrong, so nothing else can be tried.
    """
    integration = read_integration(ports, name)
    findings = [_describe(integration), *_check_kustomer(ports, integration), *_check_warehouse(ports, name)]
    exit_code = 0 if all(finding.ok for finding in findings) else 1
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
        return exit_code
    rows = [
        (finding.name, "ok" if finding.ok else "FAILED", "; ".join(filter(None, (finding.detail, finding.remedy))))
        for finding in findings
    ]
    print_table(("CHECKED", "RESULT", "FOUND"), rows)
    return exit_code


def _describe(integration: Integration) -> Finding:
    tables = ", ".join(integration.tables) or "no table is selected"
    told = "; ".join([f"{integration.status}: {tables}", *integration.warnings])
    return Finding(name="configuration", ok=True, detail=told)


def _check_kustomer(ports: Ports, integration: Integration) -> Iterator[Finding]:
    try:
        key = ports.secrets.fetch_api_key(integration.name)
    except ExtractError as error:
        yield Finding(name="API key", ok=False, detail=str(error))
        return
    with closing(ports.open_source(integration, key, ports.log, Scope(integration=integration.name))) as source:
        assert isinstance(source, KustomerSource)
        findings = check_source(source, tuple(integration.tables), until=ports.clock.now() + _TIME_LIMIT)
        yield from findings
        if not findings[0].ok:  # the key
            return
        with suppress(ExtractError):  # _check_warehouse reports it
            published = ports.warehouse.count_published(integration.name, Table.CONVERSATIONS)
            yield _estimate(source.limit or source.assumed_limit, integration.rate_share, published)


def _estimate(limit: int, share: float, published: int | None) -> Finding:
    """Estimate how long the requests of a run take."""
    per_minute = limit * share * PAGE_SIZE
    told = f"{per_minute:,.0f} conversations a minute at rate_share {share:g}"
    if published:
        minutes = published / per_minute
        length = f"about {minutes:.0f} min" if minutes >= 1 else "under a minute"
        told += f", so {length} for the {published:,} that are published"
    return Finding(name="duration", ok=True, detail=told)


def _check_warehouse(ports: Ports, name: IntegrationName) -> Iterator[Finding]:
    for table in Table:
        subject = f"published {table}"
        try:
            rows = ports.warehouse.count_published(name, table)
        except ExtractError as error:
            yield Finding(name=subject, ok=False, detail=str(error))
        else:
            if rows is not None or not table.is_lookup:
                yield Finding(name=subject, ok=True, detail="nothing yet" if rows is None else f"{rows:,} rows")
