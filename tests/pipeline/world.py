"""`World`: one installation in memory, with the laptop adapters, a virtual clock and a scripted Kustomer.

Only time and Kustomer are fakes. `Organisation` serves its records as pages of two, without HTTP, so a run takes
milliseconds. `tests/contract` tests the real source.
"""

from __future__ import annotations

import copy
import itertools
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from kustomer_extract.adapters.codec import parse_state_document, to_state_document
from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.laptop.configuration import Activations, YamlConfigStore
from kustomer_extract.adapters.laptop.keys import EnvironmentSecretStore
from kustomer_extract.adapters.laptop.runs import MemoryRunStore
from kustomer_extract.errors import RetryLater
from kustomer_extract.models import (
    Cursor,
    Evidence,
    IntegrationName,
    Message,
    Page,
    Proof,
    Table,
    Trigger,
    to_live_name,
)
from kustomer_extract.pipeline.invocation import Outcome
from kustomer_extract.pipeline.limits import Limits
from kustomer_extract.pipeline.run import execute
from kustomer_extract.ports import Ports, Warehouse
from kustomer_extract.schema import ALWAYS_SELECTED, load_schema
from tests.records import pack
from tests.standins.clock import VirtualClock
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime
    from pathlib import Path

    from kustomer_extract.config import Integration
    from kustomer_extract.events import Event, Scope
    from kustomer_extract.models import ApiKey, JsonObject
    from kustomer_extract.ports import EventLog

ACME = IntegrationName("acme")
NEW_SINCE_0_1_0 = (
    "next_delivery_due", "holder_hop", "expected_rows", "proven_by", "short_pages", "unreadable_rows", "columns_added",
    "columns_removed", "custom_names",
)  # fmt: skip
MAX_DELIVERIES = 30
"""Deliveries of one message before it becomes a dead letter, as in infra/messages.tf."""
TABLES = (Table.SATISFACTION, Table.CONVERSATIONS)
"""The tables that are selected by default."""
SETTINGS: dict[Table, dict[str, Any]] = {Table.SATISFACTION: {}, Table.CONVERSATIONS: {"max_drop_percent": 50}}
"""The guard accepts that half of the conversations are deleted."""
_PAGE = 2
_DUMPER: Any = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper
_KEPT = {"name", "createdAt", "updatedAt"}


def narrow_columns(table: Table) -> dict[str, Any]:
    """Deselect all but a few columns, which makes runs fast."""
    attributes = next(item for item in load_schema(table) if item.name == "attributes")
    return {
        "attributes": {item.name: item.name in _KEPT for item in attributes.fields},
        "relationships": False,
        "links": False,
    }


def ids_only(table: Table) -> dict[str, Any]:
    """Deselect every column that can be deselected, which makes runs fastest."""
    return {item.name: False for item in load_schema(table) if item.name not in ALWAYS_SELECTED}


def ids_and_ages(table: Table) -> dict[str, Any]:
    """Deselect every column but the time of creation."""
    attributes = next(item for item in load_schema(table) if item.name == "attributes")
    return {**ids_only(table), "attributes": {item.name: item.name == "createdAt" for item in attributes.fields}}


def to_record(number: int, *, version: int = 0) -> dict[str, Any]:
    """Build record number `number`. Both tables use the same form."""
    return {
        "id": f"{number:024x}",
        "attributes": {
            "name": f"name {number}",
            "createdAt": f"2026-01-01T00:00:{number % 60:02d}Z",
            "updatedAt": f"2026-02-01T00:{version:02d}:00Z",
        },
    }


@dataclass
class Organisation:
    """A scripted Kustomer. Each page takes `page_seconds` of virtual time.

    Attributes:
        fail: Called with table and page number before a page is served; may raise.
        evidence: The evidence of every page.
        lost: Ids of records that exist, but that the list leaves out.
        looked_up: The ids of each call of `find_existing`.
        read_ahead_of: The tables of each call of `read_ahead`.
    """

    clock: VirtualClock
    records: dict[Table, list[dict[str, Any]]]
    page_seconds: float = 1.0
    fail: Callable[[Table, int], None] = lambda _table, _page: None
    opened: int = 0
    evidence: Evidence = field(default_factory=lambda: Evidence(proven_by=Proof.NEWEST))
    lost: set[str] = field(default_factory=set)
    looked_up: list[set[str]] = field(default_factory=list)
    read_ahead_of: list[Table] = field(default_factory=list)

    def __call__(self, integration: Integration, key: ApiKey, log: EventLog, scope: Scope) -> Organisation:  # noqa: ARG002 a port
        assert key.value == "secret"
        self.opened += 1
        return self

    def close(self) -> None:
        self.opened -= 1

    def find_existing(self, table: Table, ids: Sequence[str], *, until: datetime) -> frozenset[str]:  # noqa: ARG002 a port
        self.looked_up.append(set(ids))
        return frozenset(ids) & {record["id"] for record in self.records[table]}

    def read_ahead(self, table: Table, *, until: datetime) -> None:  # noqa: ARG002 a port
        self.read_ahead_of.append(table)

    def iter_pages(self, table: Table, *, start: Cursor | None, until: datetime) -> Generator[Page]:
        for number in itertools.count(int(start or 1)):
            if self.clock.now() >= until:
                return
            self.fail(table, number)
            self.clock.sleep(self.page_seconds)
            listed = [record for record in self.records[table] if record["id"] not in self.lost]
            more = len(listed) > number * _PAGE
            yield Page(
                records=[pack(record) for record in listed[(number - 1) * _PAGE : number * _PAGE]],
                next=Cursor(str(number + 1)) if more else None,
                size_bytes=100,
                evidence=self.evidence,
            )
            if not more:
                return


@dataclass
class Queue:
    """Implements `ports.Continuations`: keeps published messages, each with its own id and time."""

    clock: VirtualClock
    messages: deque[Message] = field(default_factory=deque)
    published: int = 0

    def publish(self, message: Message) -> None:
        self.published += 1
        self.messages.append(
            replace(message, message_id=f"c{self.published}", published_at=self.clock.now()),
        )


class AnyWarehouse(Warehouse, Activations, Protocol):
    """The protocols that the laptop's parts need of a warehouse."""


class BareWorld:
    """One installation with the integration `acme`, on any warehouse.

    Args:
        folder: The folder of the configuration file.
        rows: The number of conversations at first. There are three surveys.
        soft_deadline_seconds: A small deadline causes hops, because a page takes a second.
        columns: Returns the selected columns of a table.
    """

    def __init__(
        self,
        folder: Path,
        warehouse: AnyWarehouse,
        *,
        rows: int = 7,
        soft_deadline_seconds: float = 450,
        chunk_rows: int = 4,
        columns: Callable[[Table], dict[str, Any]] = narrow_columns,
    ) -> None:
        self.clock = VirtualClock()
        self.log = RecordedLog()
        self.queue = Queue(self.clock)
        self.runs = MemoryRunStore()
        self.organisation = Organisation(
            clock=self.clock,
            records={
                Table.SATISFACTION: [to_record(number) for number in range(3)],
                Table.CONVERSATIONS: [to_record(number) for number in range(rows)],
            },
        )
        self.limits = Limits(soft_deadline_seconds=soft_deadline_seconds, chunk_rows=chunk_rows, reads_ahead=True)
        self._columns = columns
        self._file = folder / "kustomer.yaml"
        self._numbers = itertools.count(1)
        self.configure()
        self.ports = Ports(
            clock=self.clock,
            configs=YamlConfigStore(self._file, warehouse),
            continuations=self.queue,
            log=self.log,
            open_source=self.organisation,
            runs=self.runs,
            secrets=EnvironmentSecretStore({"KUSTOMER_API_KEY": "secret"}),
            warehouse=warehouse,
        )

    def configure(self, tables: dict[str, Any] | None = None, **changes: Any) -> None:
        """Edit the configuration document, as a person would."""
        chosen = {
            table.value: {"columns": self._columns(table), **SETTINGS[table], **(tables or {}).get(table.value, {})}
            for table in TABLES
        }
        self.write({"org": "acme", "tables": chosen, **changes})

    def write(self, document: dict[str, Any]) -> None:
        """Replace the whole configuration document."""
        self._file.write_text(yaml.dump({"integrations": {"acme": document}}, Dumper=_DUMPER))

    def delete(self) -> None:
        """Delete the configuration document. Another integration keeps its own."""
        self._file.write_text("integrations: {other: {org: other}}")

    def deploy_other_columns(self) -> None:
        """Deploy code that gives every table of the current run other columns. The next take-over uses them.

        An invocation that holds the run continues with its own code, and writes the state that it knows.
        """
        state = self.runs.fetch(ACME)
        if state is None or not state.document:
            return
        document: Any = copy.deepcopy(state.document)
        for settings in document["tables"].values():
            if isinstance(settings.get("columns"), dict):
                settings["columns"]["_rescued"] = not settings["columns"].get("_rescued", True)
        self.runs._states[ACME] = replace(state, document=document)

    def upgrade(self) -> None:
        """Replace the state by the one that release 0.1.0 would have written, unless an invocation holds the run."""
        state = self.runs.fetch(ACME)
        if state is None or state.lease_until is not None:
            return
        document = to_state_document(state)
        for values in (document, *(table["job"] for table in document["tables"].values())):
            for name in NEW_SINCE_0_1_0:
                values.pop(name, None)
        self.runs._states[ACME] = parse_state_document(ACME, document, version=state.version)

    def trigger(self, trigger: Trigger = Trigger.SCHEDULE) -> Message:
        """Publish a trigger now, without delivering it."""
        number = next(self._numbers)
        return Message(integration=ACME, trigger=trigger, message_id=f"m{number}", published_at=self.clock.now())

    def deliver(self, message: Message, ports: Ports | None = None) -> Outcome:
        """Deliver a message once."""
        return execute(message, ports or self.ports, limits=self.limits)

    def run(self, message: Message | None = None) -> Outcome:
        """Deliver a message and all messages that follow from it, until all are acknowledged."""
        waiting = deque([message or self.trigger()])
        outcome = Outcome()
        while waiting:
            next_message = waiting.popleft()
            try:
                outcome = self.deliver(next_message)
            except RetryLater:
                self.clock.advance(seconds=60)
                waiting.append(next_message)
            while self.queue.messages:
                waiting.append(self.queue.messages.popleft())
        return outcome

    def emitted(self, event: type[Event]) -> list[Event]:
        """List all events of a class."""
        return [entry for _, entry in self.log.entries if isinstance(entry, event)]


class World(BareWorld):
    """One installation on the laptop's own warehouse, DuckDB, in memory. Close it after use."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.warehouse = DuckDbWarehouse.open(":memory:")
        super().__init__(folder, self.warehouse, **options)

    def live(self, table: Table) -> list[tuple[str, str]] | None:
        """Read id and name of the live table's rows, sorted. None if there is no table."""
        if self.warehouse.count_published(ACME, table) is None:
            return None
        attributes = "attributes[1]" if table is Table.CONVERSATIONS else "attributes"
        name = to_live_name(ACME, table)
        return self.warehouse.query(f'SELECT id, {attributes}."name" FROM kustomer.{name} ORDER BY ALL')

    def expected(self, table: Table) -> list[tuple[str, str]]:
        """List what a complete extract would have now."""
        records: list[JsonObject] = list(self.organisation.records[table])
        return sorted({(record["id"], record["attributes"]["name"]) for record in records})  # type: ignore[index, call-overload, misc] # JSON

    def staging(self) -> list[str]:
        """List the tables in staging."""
        rows = self.warehouse.query("SELECT table_name FROM duckdb_tables() WHERE contains(table_name, '__')")
        return sorted([*self.warehouse.staging.list_tables(), *(name for (name,) in rows)])

    def close(self) -> None:
        self.warehouse.close()
