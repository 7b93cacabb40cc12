"""`Days`: one installation over several days. Each day has new rows, one trigger, and the faults that a test injects.

Pub/Sub is a list of messages. A message stays in it until a delivery is acknowledged, and may be delivered again later.
After each day `find_errors` compares the result with what must be true.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.errors import RetryLater
from kustomer_extract.models import JobStatus, Message, Table, Trigger, to_live_name
from tests.pipeline.faults import Killed, intercept
from tests.pipeline.world import ACME, MAX_DELIVERIES, TABLES, BareWorld, ids_and_ages
from tests.standins.warehouse import MemoryWarehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kustomer_extract.models import RunId, RunState
    from tests.pipeline.faults import Hook

HISTORY_START = "2026-01-01T00:00:00"
TOO_OLD = {"id": "f" * 24, "type": "too old", "attributes": {"createdAt": "2025-12-31T23:59:59Z"}}
_MAX_A_DAY = 60  # deliveries; more would be an endless loop


def to_rows(table: Table, version: int) -> list[dict[str, Any]]:
    """Build the organisation's records of a version. One conversation is repeated. Two versions differ in every row."""
    first, count = version % 3, {Table.SATISFACTION: 3, Table.CONVERSATIONS: 7}[table]
    rows = [
        {"id": f"{first + number:024x}", "type": f"version {version}", "attributes": {"createdAt": f"{HISTORY_START}Z"}}
        for number in range(count)
    ]
    return [*rows, rows[0]] if table is Table.CONVERSATIONS else rows


@dataclass
class MemoryTables:
    """Reads the tables of the in-memory warehouse, which keeps only what the port promises."""

    warehouse: MemoryWarehouse

    def read(self, name: str) -> list[tuple[str, str, str]]:
        """Read run id, id and type of a live table's rows, sorted by id."""
        rows = self.warehouse.live.get(name, [])
        return sorted(((row["_batch_id"], row["id"], row["type"]) for row in rows), key=lambda row: row[1])

    def list_staging(self) -> list[str]:
        return list(self.warehouse.staging)

    def empty_staging(self) -> None:
        self.warehouse.staging.clear()


@dataclass
class DuckDbTables:
    """Reads the tables of the laptop's warehouse."""

    warehouse: DuckDbWarehouse

    def read(self, name: str) -> list[tuple[str, str, str]]:
        return self.warehouse.query(f"SELECT _batch_id, id, type FROM kustomer.{name} ORDER BY id")

    def list_staging(self) -> list[str]:
        staging = self.warehouse.staging
        return [chunk for name in staging.list_tables() for chunk in staging.list_chunks(f"{name}__")]

    def empty_staging(self) -> None:
        self.warehouse.drop(self.list_staging())


class Days:
    """One installation over several days, and the messages of the current day.

    Args:
        warehouse: The laptop's own, or the in-memory one, which keeps only what the port promises.

    Attributes:
        waiting: Messages that were published and not acknowledged, the oldest first.
    """

    def __init__(self, folder: Path, warehouse: Literal["duckdb", "memory"] = "memory") -> None:
        self._closing = ExitStack()
        self.tables: DuckDbTables | MemoryTables = MemoryTables(MemoryWarehouse())
        if warehouse == "duckdb":
            self.tables = DuckDbTables(self._closing.enter_context(closing(DuckDbWarehouse.open(":memory:"))))
        self.world = BareWorld(folder, self.tables.warehouse, soft_deadline_seconds=3, columns=ids_and_ages)
        self.world.configure(history_start=HISTORY_START)
        self.waiting: list[Message] = []
        self._deliveries: Counter[str] = Counter()
        self._version = 0
        self._runs_of_yesterday: set[RunId] = set()

    def close(self) -> None:
        self._closing.close()

    def begin(self) -> Message:
        """Start a new day: new rows, an empty staging dataset, and a trigger."""
        self.world.clock.advance(hours=24)
        self.tables.empty_staging()
        self.change_rows()
        self._runs_of_yesterday = set(self.world.runs.recorded)
        self.waiting.clear()
        return self.publish(Trigger.SCHEDULE)

    def change_rows(self) -> None:
        """Replace all rows of the organisation by their next version."""
        self._version += 1
        records = {table: to_rows(table, self._version) for table in TABLES}
        records[Table.CONVERSATIONS].insert(3, TOO_OLD)
        self.world.organisation.records = records

    def publish(self, trigger: Trigger) -> Message:
        """Publish a trigger, without delivering it."""
        message = self.world.trigger(trigger)
        self.waiting.append(message)
        return message

    def deliver(self, message: Message, hook: Hook | None = None) -> None:
        """Deliver a message once. If it is not acknowledged, a minute passes."""
        world = self.world
        self._deliveries[message.message_id] += 1
        assert self._deliveries[message.message_id] <= MAX_DELIVERIES, f"{message.message_id} is a dead letter"
        try:
            world.deliver(message, intercept(world.ports, hook) if hook else None)
            if hook:
                hook("acknowledge", lambda: None)
        except (RetryLater, Killed):
            world.clock.advance(minutes=1)
        else:
            self.acknowledge(message)
        self.collect()

    def acknowledge(self, message: Message) -> None:
        """Acknowledge a message, so that it is not delivered again."""
        if message in self.waiting:
            self.waiting.remove(message)

    def collect(self) -> None:
        """Add the messages that the pipeline has published."""
        self.waiting.extend(self.world.queue.messages)
        self.world.queue.messages.clear()

    def deliver_all(self, *, times: int = 1) -> None:
        """Deliver messages until none waits. Each is delivered `times` times in a row."""
        for _ in range(_MAX_A_DAY):
            if not self.waiting:
                return
            message = self.waiting[0]
            for _ in range(times):
                self.deliver(message)
        raise AssertionError(f"after {_MAX_A_DAY} deliveries these messages still wait: {self.waiting}")

    # --- what can be observed

    def snapshot(self) -> str:
        """Describe everything that survives a process, on the in-memory warehouse."""
        world, tables = self.world, self.tables.warehouse
        kept = (world.runs._states, world.runs.recorded, world.queue.messages, world.ports.configs.fetch(ACME))
        return repr((kept, vars(tables)))

    def read(self, table: Table) -> tuple[list[str], list[tuple[str, str]]]:
        """Read a live table: the run ids of its rows, and its rows."""
        rows = self.tables.read(to_live_name(ACME, table))
        return sorted({run for run, *_ in rows}), [(row, kind) for _, row, kind in rows]

    def expect(self, table: Table, *, version: int | None = None) -> list[tuple[str, str]]:
        """List the rows of a complete extract of a version. The default is the current version."""
        records = to_rows(table, self._version if version is None else version)
        return sorted({(record["id"], record["type"]) for record in records})

    def find_mixed_tables(self) -> Iterator[str]:
        """Describe each live table that is neither the complete old extract nor the complete new one."""
        for table in TABLES:
            runs, rows = self.read(table)
            if len(runs) != 1 or rows not in (self.expect(table), self.expect(table, version=self._version - 1)):
                yield f"{table} is neither the old nor the new extract: {runs} {rows}"

    def find_errors(self) -> Iterator[str]:
        """Describe everything that is wrong after all messages were delivered."""
        state = self.world.runs.fetch(ACME)
        assert state is not None
        if state.finished_at is None:
            yield f"run {state.run_id} is not finished, and nothing will resume it"
        for table in TABLES:
            if self.read(table) != ([state.run_id], self.expect(table)):
                yield f"{table} is not what run {state.run_id} should show: {self.read(table)}"
        if any(job.status is not JobStatus.SUCCEEDED for job in state.jobs):
            yield f"run {state.run_id} ended as {[(job.status, job.error) for job in state.jobs]}"
        recorded = self.world.runs.recorded
        for run in sorted(set(recorded) - self._runs_of_yesterday):
            yield from self._find_contradictions(recorded[run])
        yield from self._find_leftovers(state)

    def _find_contradictions(self, recorded: RunState) -> Iterator[str]:
        """Compare a run document with `_jobs`."""
        if recorded.finished_at is None:
            yield f"the run document of {recorded.run_id} is not finished"
        statuses = {job.job_id: job.status.value for job in recorded.jobs}
        jobs = self.world.ports.warehouse.fetch_jobs(ACME, limit=20)
        rows = [(job.job_id, job.status.value) for job in jobs if job.run_id == recorded.run_id]
        if sorted(rows) != sorted(statuses.items()) or JobStatus.RUNNING.value in statuses.values():
            yield f"the run document of {recorded.run_id} says {statuses}, _jobs says {rows}"

    def _find_leftovers(self, state: RunState) -> Iterator[str]:
        """List staging tables that should be gone. Chunks that no state has ever listed may stay."""
        listed = {chunk.name for table in state.tables.values() for chunk in table.chunks}
        for name in self.tables.list_staging():
            if name in listed or not name.rpartition("_")[2].isdigit():
                yield f"{name} was left in staging"
