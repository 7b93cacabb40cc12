"""The command `run` on a laptop: from the sandbox, over HTTP, into a DuckDB file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from kustomer_extract.cli import main
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging, cap_list
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tests.standins.kustomer.store import Organisation

PLENTY = RateLimit(requests=100_000)


class Laptop:
    """A folder with a configuration and a warehouse, and a way to run commands in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "kustomer.yaml"
        self.warehouse = folder / "rows.duckdb"
        self._capsys = capsys
        self.configure()

    def configure(self, **settings: Any) -> None:
        self.config.write_text(json.dumps({"integrations": {"acme": {"org": "acme", **settings}}}))

    def type(self, command: str, sandbox: Sandbox, *options: str) -> int:
        """Run a command with the sandbox. Return its exit code."""
        environment = {"KUSTOMER_API_URL": sandbox.url, "KUSTOMER_API_KEY": sandbox.key}
        where = ["--config", str(self.config), "--warehouse", str(self.warehouse)]
        return main([command, "acme", *where, *options], environment=environment)

    def read_jobs(self, sandbox: Sandbox) -> list[dict[str, Any]]:
        self._capsys.readouterr()
        assert self.type("jobs", sandbox, "--json") == 0
        jobs: list[dict[str, Any]] = json.loads(self._capsys.readouterr().out)
        return jobs

    def read_ids(self) -> list[str]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            rows = connection.execute("SELECT id FROM kustomer.acme_conversations ORDER BY id").fetchall()
        return [identifier for (identifier,) in rows]


@pytest.fixture
def laptop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Laptop:
    return Laptop(tmp_path, capsys)


def test_rows_repeated_by_inserts_in_a_newest_first_list_are_removed_and_counted(
    laptop: Laptop,
) -> None:
    def insert_late(organisation: Organisation) -> None:
        time.sleep(0.3)  # the pages before the last one have been served
        organisation.insert()

    insert = Fault(table="conversations", page=4, does=insert_late, times=1)
    paging = Paging(descending=True)
    with Sandbox(conversations=350, surveys=3, limit=PLENTY, paging=paging, faults=[insert]) as sandbox:
        before = sandbox.organisation.ids("conversations")

        assert laptop.type("run", sandbox) == 0

        conversations = laptop.read_jobs(sandbox)[0]
        assert set(before) <= set(laptop.read_ids())
        assert len(laptop.read_ids()) == len(set(laptop.read_ids())) == conversations["rows"]
        assert conversations["duplicates"] == 1


def test_a_list_that_fails_during_a_run_is_exit_code_1_and_the_tables_stay(laptop: Laptop) -> None:
    with Sandbox(conversations=350, surveys=3, limit=PLENTY) as sandbox:
        assert laptop.type("run", sandbox) == 0
        before = laptop.read_ids()
        sandbox.missing_roles = {"search": 403}
        sandbox.paging = cap_list("repeated", pages=3)  # a refused page would be asked for again for a minute

        assert laptop.type("run", sandbox) == 1

        assert laptop.read_ids() == before
        assert laptop.read_jobs(sandbox)[0]["error_code"] == "truncated"


def test_an_id_repeated_on_a_page_or_across_pages_is_one_row(laptop: Laptop) -> None:
    with Sandbox(conversations=250, surveys=3, limit=PLENTY) as sandbox:
        ids = sandbox.organisation.ids("conversations")
        sandbox.organisation.repeat(0)
        sandbox.organisation.repeat(120)

        assert laptop.type("run", sandbox) == 0

        assert laptop.read_ids() == sorted(ids)
        assert laptop.read_jobs(sandbox)[0]["duplicates"] == 2
