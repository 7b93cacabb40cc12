"""Every misbehaviour of the sandbox, on every page of both tables. Each test checks the published table.

The real client reads over HTTP. Its waits take no time, and the warehouse is in memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.kustomer.source import ConnectKustomer, Runtime
from kustomer_extract.events import ExtractUnproven, RowsVanished
from kustomer_extract.models import JobStatus, Table, to_live_name
from tests.pipeline.world import ACME, BareWorld, ids_only
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.server import Sandbox
from tests.standins.warehouse import MemoryWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.standins.kustomer.faults import Fault

pytestmark = pytest.mark.slow

TABLES = (Table.CONVERSATIONS, Table.SATISFACTION)
PAGES = {"first": 1, "middle": 2, "last": 3}
QUICKER: dict[str, dict[str, Any]] = {
    "huge": {"padding_mb": 65},
    "slow": {"wait_seconds": 0.01},
    "trickle": {"trickle_bytes": 1 << 14, "trickle_seconds": 0.001},
}
"""Shorter waits for faults that take real time. tests/contract/kustomer/test_http.py tests them in full length."""
HARMLESS = {
    name for name in CATALOGUE
    if name.endswith(("-type", "-once")) or name.startswith("retry-after") or name in {"link-port", "link-kustomer"}
}  # fmt: skip
"""Faults that happen once or have no meaning. With them no row may be missing."""


class Installation(BareWorld):
    """An installation that reads a sandbox with three pages in each table."""

    def __init__(self, folder: Path, sandbox: Sandbox, warehouse: MemoryWarehouse) -> None:
        super().__init__(folder, warehouse, columns=ids_only)
        self.warehouse, self.sandbox = warehouse, sandbox
        self.limits = replace(self.limits, max_failures=1)
        # Enough attempts to see that a fault is permanent.
        runtime = Runtime(key_cure="add a key", max_outage_seconds=20)
        connect = ConnectKustomer(clock=self.clock, base_url=sandbox.url, seed=1, runtime=runtime)
        self.ports = replace(self.ports, open_source=connect)
        sandbox.clock = lambda: self.clock.now().timestamp()

    def live(self, table: Table) -> list[str]:
        return sorted(row["id"] for row in self.warehouse.live[to_live_name(ACME, table)])

    def expected(self, table: Table) -> list[str]:
        return sorted(self.sandbox.organisation.ids(str(table)))

    def warns(self, table: Table) -> bool:
        """Whether a WARNING says that rows of this table may be missing."""
        warned = [scope.table for scope, event in self.log.entries if isinstance(event, ExtractUnproven | RowsVanished)]
        return table in warned


def open_sandbox() -> Sandbox:
    return Sandbox(conversations=250, surveys=250, sparse=True, key="secret", missing_roles={"search": 403})


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> MemoryWarehouse:
    """Build a warehouse with the sandbox's first records."""
    with open_sandbox() as sandbox:
        installation = Installation(tmp_path_factory.mktemp("first"), sandbox, MemoryWarehouse())
        installation.run()
        assert all(installation.live(table) == installation.expected(table) for table in TABLES)
    return installation.warehouse


@pytest.fixture
def installation(tmp_path: Path, sandbox: Sandbox, published: MemoryWarehouse) -> Installation:
    """Build an installation whose tables were published yesterday. The organisation has a new conversation since."""
    sandbox.organisation.insert()
    warehouse = MemoryWarehouse()
    warehouse.live.update(published.live)
    installation = Installation(tmp_path, sandbox, warehouse)
    installation.clock.advance(hours=24)
    return installation


def to_fault(name: str, table: Table, page: str) -> Fault:
    fault = replace(CATALOGUE[name], **QUICKER.get(name, {}))
    return replace(fault, table=str(table), page=PAGES[page], descending=False)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", CATALOGUE)
def test_all_rows_or_a_clear_word(installation: Installation, name: str, table: Table, page: str) -> None:
    """Either the job succeeds with every row or a WARNING, or it is FAILED and the table is unchanged."""
    before = installation.live(table)
    installation.configure({str(other): {"selected": False} for other in TABLES if other is not table})
    installation.sandbox.add_fault(to_fault(name, table, page))

    outcome = installation.run()

    assert outcome.state is not None
    status = outcome.state.tables[table].job.status
    if status is JobStatus.FAILED:
        # If the first request of a run is refused, the key is refused.
        is_key = name.startswith("status") and page == "first"
        assert installation.live(table) == before
        assert name not in HARMLESS or is_key
    else:
        assert status is JobStatus.SUCCEEDED
        is_whole = installation.live(table) == installation.expected(table)
        assert is_whole or (installation.warns(table) and name not in HARMLESS)
