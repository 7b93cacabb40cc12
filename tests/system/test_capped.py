"""25,000 conversations behind a list capped at 10,000: all are read, despite changes, kills and late indexing."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from kustomer_extract.models import Table
from kustomer_extract.schema import load_schema
from tests.standins.google.bigquery.tables import TableRef
from tests.standins.kustomer.calendar import END_MS
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import CapWay, cap_list
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox
from tests.system.installation import Installation
from tests.system.test_crashes import delivery, successor, wait_for
from tests.system.test_laptop import Laptop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.standins.google.pubsub import Published
    from tests.standins.kustomer.store import Organisation

pytestmark = pytest.mark.long
ROWS = 25_000
PLENTY = RateLimit(requests=1_000_000)
LATE_SECONDS = 0.3
LATER_SECONDS = 430 * 86_400.0  # after all records: more than half of them are in the archive
WANTED = {"createdAt", "updatedAt", "rev"}  # a few columns, because this test is about rows
COLUMNS = {
    **dict.fromkeys(("relationships", "links", "_rescued"), False),
    "attributes": {
        column.name: False
        for field in load_schema(Table.CONVERSATIONS)
        if field.name == "attributes"
        for column in field.fields
        if column.name not in WANTED
    },
}
TABLES = {"conversations": {"selected": True, "columns": COLUMNS}}


@dataclass
class Changes:
    """Changes of the organisation at each search, with their times in monotonic seconds."""

    rng: Random = field(default_factory=lambda: Random(1))
    gone: set[str] = field(default_factory=set)
    born: dict[str, float] = field(default_factory=dict)
    changed: dict[str, tuple[float, int]] = field(default_factory=dict)

    def change(self, organisation: Organisation) -> None:
        record = organisation.update(self.rng.randrange(ROWS // 2))
        self.changed[record["id"]] = (time.monotonic(), record["attributes"]["rev"])
        self.born[organisation.insert()["id"]] = time.monotonic()
        away = self.rng.randrange(ROWS // 2)
        self.gone.add(organisation.conversations[away]["id"])
        organisation.delete(away)

    def to_sandbox(self, way: Any) -> dict[str, Any]:
        """Build the options of a sandbox with these changes."""
        began = time.monotonic()
        return {
            "conversations": ROWS,
            "surveys": 0,
            "sparse": True,
            "limit": PLENTY,
            "search_limit": PLENTY,
            "paging": cap_list(way, table="conversations"),
            "search": Search(late_seconds=LATE_SECONDS),
            "clock": lambda: END_MS / 1000 + LATER_SECONDS + time.monotonic() - began,
            "faults": [Fault(table=place, does=self.change) for place in ("search", "archive")],
        }

    def check(self, sandbox: Sandbox, before: set[str], published: dict[str, int]) -> None:
        """Check the published rows against the records that search could have found."""
        catch_up = next(request.at for request in sandbox.requests if b"conversation_updated_at" in request.body)
        known = {identifier for identifier, at in self.born.items() if at < catch_up - LATE_SECONDS}
        newest = {identifier: rev for identifier, (at, rev) in self.changed.items() if at < catch_up - LATE_SECONDS}
        still = set(sandbox.organisation.ids())
        assert (before | known) & still <= set(published) <= before | set(self.born)
        assert [identifier for identifier in newest.keys() & still if published[identifier] < newest[identifier]] == []
        assert len(known) > 20
        assert len(newest) > 20


def count_searches(sandbox: Sandbox) -> int:
    return sum(request.table in {"search", "archive"} for request in list(sandbox.requests))


def kill_while_it_searches(installation: Installation, message: Published) -> None:
    """Deliver a message and kill the instance after some searches, or on a slow machine after its hop."""
    known = count_searches(installation.kustomer)
    with delivery(installation.function, message) as statuses:
        wait_for(lambda: count_searches(installation.kustomer) > known + 8 or statuses)
        installation.function.signal(signal.SIGKILL)


@pytest.mark.parametrize("way", ["unlinked", "refused", "repeated", "empty"])
def test_the_function_reads_every_row_once_over_several_hops_and_kills(
    way: CapWay,
) -> None:
    changes = Changes()
    with Installation(sandbox=changes.to_sandbox(way), settings={"SOFT_DEADLINE_SECONDS": "1"}) as installation:
        installation.configure(tables=TABLES, rate_share=1.0)
        sandbox, message = installation.kustomer, installation.trigger()
        before = set(sandbox.organisation.ids())

        with ExitStack() as instances:
            for _ in range(2):
                kill_while_it_searches(installation, message)
                instances.enter_context(successor(installation))
            statuses = installation.run(message)

        table = TableRef(installation.cloud.project, "kustomer", "acme_conversations")
        rows = list(installation.cloud.bigquery.catalog.table(table).latest.iter_rows())
        published = {row["id"]: row["attributes"][0]["rev"] for row in rows}
        changes.check(sandbox, before, published)
        (job,) = installation.read_jobs()
        assert (job["status"], job["rows"], job["proven_by"]) == ("SUCCEEDED", len(rows), "total")
        assert len(published) == len(rows)
        assert len(statuses) > 2


@pytest.mark.parametrize("way", ["unlinked", "refused", "repeated", "empty"])
def test_the_laptop_reads_every_row_once(way: CapWay, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes, laptop = Changes(), Laptop(tmp_path, capsys)
    laptop.configure(tables=TABLES, rate_share=1.0)
    with Sandbox(**changes.to_sandbox(way)) as sandbox:
        before = set(sandbox.organisation.ids())

        assert laptop.type("run", sandbox) == 0

        with duckdb.connect(str(laptop.warehouse), read_only=True) as connection:
            rows = connection.execute("SELECT id, attributes[1].rev FROM kustomer.acme_conversations").fetchall()
        changes.check(sandbox, before, dict(rows))
        (job,) = laptop.read_jobs(sandbox)
        assert (job["rows"], job["proven_by"]) == (len(rows), "total")
        assert len(dict(rows)) == len(rows)
