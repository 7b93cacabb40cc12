"""The command line on a laptop: what is asked for, what is printed, and the exit code that scripts go by."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from kustomer_extract.cli import main
from kustomer_extract.cli.tables import print_table
from kustomer_extract.config import parse_integration
from kustomer_extract.config.document import KEYS
from kustomer_extract.models import Table
from tests.configurations import NOW
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RUN_ID = r"\d{8}t\d{6}z-[0-9a-f]{8}"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conversations=120, surveys=3, limit=RateLimit(requests=1000)) as sandbox:
        yield sandbox


class Laptop:
    """A folder with a configuration, in which commands are typed."""

    def __init__(self, folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "kustomer.yaml"
        self.warehouse = folder / "laptop.duckdb"
        self.environment = {"KUSTOMER_API_KEY": sandbox.key, "KUSTOMER_API_URL": sandbox.url}
        self._capsys = capsys
        self.configure(acme={"org": "acme"})

    def configure(self, **documents: Any) -> None:
        self.config.write_text(yaml.safe_dump({"integrations": documents}))

    def type(self, *arguments: str) -> int:
        """Run a command; what it printed is in `out`, lines of cells, and `err`."""
        places = ["--config", str(self.config), "--warehouse", str(self.warehouse)]
        try:
            return main([*arguments, *places], environment=self.environment)
        finally:
            self.out, self.err = self._capsys.readouterr()

    @property
    def cells(self) -> list[list[str]]:
        return [re.split(r" {2,}", line) for line in self.out.splitlines()]


@pytest.fixture
def laptop(tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Laptop:
    return Laptop(tmp_path, sandbox, capsys)


# --- run


def test_a_run_says_what_lies_where(laptop: Laptop) -> None:
    exit_code = laptop.type("run")

    assert exit_code == 0
    assert [row[:3] for row in laptop.cells] == [
        ["TABLE", "STATUS", "ROWS"],
        ["kustomer.acme_satisfaction", "SUCCEEDED", "3"],
        ["kustomer.acme_conversations", "SUCCEEDED", "120"],
    ]
    assert "acme: run finished green" in laptop.err


def test_the_tables_are_named_as_duckdb_understands_them(laptop: Laptop) -> None:
    laptop.warehouse = laptop.warehouse.with_name("kustomer.duckdb")
    laptop.type("run")

    name = laptop.cells[2][0]
    with duckdb.connect(str(laptop.warehouse), read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchall() == [(120,)]


def test_a_failed_job_is_exit_code_1_with_the_cure(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY"] = "wrong"

    assert laptop.type("run", "acme") == 1
    assert [(row[1], row[-1]) for row in laptop.cells[1:]] == [("FAILED", "key_rejected")] * 2
    assert "the key of acme is rejected" in laptop.err
    assert "Traceback" not in laptop.err


def test_a_paused_integration_is_rightly_skipped(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "status": "PAUSED"})

    assert laptop.type("run") == 0
    assert laptop.out == "acme: not run, because: paused\n"


def test_an_invalid_document_is_exit_code_2_with_all_problems(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "ac me", "tables": {"conversation": {}}})

    assert laptop.type("run") == 2
    assert 'org: found "ac me"' in laptop.err
    assert "did you mean conversations?" in laptop.err


def test_a_missing_key_is_a_failed_job(laptop: Laptop) -> None:
    del laptop.environment["KUSTOMER_API_KEY"]

    assert laptop.type("run") == 1
    assert "the environment variable KUSTOMER_API_KEY is missing" in laptop.err


def test_an_interrupted_run_is_exit_code_130_and_publishes_nothing(laptop: Laptop) -> None:
    with Sandbox(conversations=5000, latency_seconds=0.2) as slow:
        environment = {**os.environ, **laptop.environment, "KUSTOMER_API_URL": slow.url, "PYTHONPATH": "functions"}
        places = ["--config", str(laptop.config), "--warehouse", str(laptop.warehouse)]
        process = subprocess.Popen(
            [sys.executable, "-m", "kustomer_extract", "run", *places],
            cwd=ROOT, env={**environment, "KUSTOMER_API_KEY": slow.key}, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "conversations: job" in line:
                break
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=30)

    assert process.returncode == 130
    assert rest.splitlines() == [
        "kustomer-extract: interrupted: the published tables are as they were, and the next run starts over"
    ]
    assert laptop.type("check") == 0
    assert laptop.cells[-1] == ["published conversations", "ok", "nothing yet"]


# --- which integration


def test_the_name_may_be_left_out_where_there_is_only_one(laptop: Laptop) -> None:
    assert laptop.type("tables") == 0


@pytest.mark.parametrize("command", ["run", "check", "tables"])
def test_the_name_is_needed_where_there_are_several(laptop: Laptop, command: str) -> None:
    laptop.configure(acme={"org": "acme"}, acme_eu={"org": "acme"})

    assert laptop.type(command) == 2
    assert laptop.err == "kustomer-extract: NAME is needed, one of: acme, acme_eu\n"


@pytest.mark.parametrize("command", ["run", "check", "tables", "jobs"])
def test_an_unknown_name_is_told_with_those_that_are_known(laptop: Laptop, command: str) -> None:
    assert laptop.type(command, "amce") == 2
    assert "no integration is called 'amce'; known: acme" in laptop.err


# --- list, tables, jobs


def test_integrations_are_listed_with_their_last_run(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme"}, bad={"org": 5}, zeta={"org": "zeta", "status": "PAUSED"})
    laptop.type("run", "acme")

    assert laptop.type("list") == 0
    assert laptop.cells[0] == ["NAME", "STATUS", "LAST RUN", "COLOUR", "ROWS"]
    name, status, last_run, *rest = laptop.cells[1]
    assert (name, status, rest) == ("acme", "ACTIVE", ["green", "123"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", last_run)
    assert laptop.cells[2:] == [["bad", "INVALID", "-", "-", "-"], ["zeta", "PAUSED", "-", "-", "-"]]


def test_tables_say_what_is_selected(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "tables": {"conversations": {}, "satisfaction": {"selected": False}}})

    assert laptop.type("tables") == 0
    assert [row[:2] for row in laptop.cells[1:]] == [
        ["satisfaction", "no"], ["conversations", "yes"], ["users", "no"], ["teams", "no"],
    ]  # fmt: skip


def test_every_column_can_be_listed(laptop: Laptop) -> None:
    columns = {"attributes": {"preview": False}, "links": False}
    laptop.configure(acme={"org": "acme", "tables": {"conversations": {"columns": columns}, "satisfaction": {}}})

    assert laptop.type("tables", "acme", "--columns") == 0
    assert ["conversations", "attributes", "RECORD REPEATED", "-", "yes"] in laptop.cells
    assert ["conversations", "attributes.preview", "STRING", "content", "no"] in laptop.cells
    assert ["conversations", "links.self", "STRING", "-", "no"] in laptop.cells
    assert ["satisfaction", "id", "STRING", "-", "yes"] in laptop.cells


def test_jobs_are_shown_newest_first_with_the_runs_colour(laptop: Laptop) -> None:
    laptop.type("run")
    laptop.environment["KUSTOMER_API_KEY"] = "wrong"
    laptop.type("run")

    assert laptop.type("jobs") == 0
    assert [(*row[1:5], *row[6:8]) for row in laptop.cells[1:]] == [
        ("acme", "conversations", "FAILED", "0", "key_rejected", "red"),
        ("acme", "satisfaction", "FAILED", "0", "key_rejected", "red"),
        ("acme", "conversations", "SUCCEEDED", "120", "-", "green"),
        ("acme", "satisfaction", "SUCCEEDED", "3", "-", "green"),
    ]
    assert all(re.fullmatch(RUN_ID, row[-1]) for row in laptop.cells[1:])


def test_a_limit_that_parts_a_run_does_not_change_its_colour(laptop: Laptop, sandbox: Sandbox) -> None:
    sandbox.missing_roles = {"satisfaction": 403}
    laptop.type("run")
    sandbox.missing_roles = {}

    laptop.type("jobs", "--limit", "1")

    assert [(row[2], row[3], row[-2]) for row in laptop.cells[1:]] == [("conversations", "SUCCEEDED", "orange")]


def test_jobs_as_json_tell_all(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY"] = "wrong"
    laptop.type("run")

    assert laptop.type("jobs", "acme", "--limit", "1", "--json") == 0
    (job,) = json.loads(laptop.out)
    assert list(job) == [
        "job_id", "run_id", "integration", "table_name", "status", "error_code", "error", "started_at", "finished_at",
        "published_at", "minutes", "rows", "expected_rows", "proven_by", "pages", "short_pages", "unreadable_rows",
        "bytes", "duplicates", "drift", "retries", "config_hash", "columns_added", "columns_removed", "color",
    ]  # fmt: skip
    assert (job["table_name"], job["status"], job["color"]) == ("conversations", "FAILED", "red")
    assert "the key of acme is rejected" in job["error"]
    assert job["published_at"] is None


def test_no_jobs_are_an_empty_table(laptop: Laptop) -> None:
    assert laptop.type("jobs", "acme") == 0
    assert len(laptop.cells) == 1


# --- check


def test_a_check_tries_everything_and_writes_nothing(laptop: Laptop) -> None:
    files = set(laptop.config.parent.iterdir())

    assert laptop.type("check") == 0
    assert laptop.cells == [
        ["CHECKED", "RESULT", "FOUND"],
        ["configuration", "ok", "PENDING: satisfaction, conversations"],
        ["API key", "ok", "valid"],
        ["role for satisfaction", "ok", "granted: 3 records on the first page"],
        ["role for conversations", "ok", "granted: 100 records on the first page"],
        ["rate limit", "ok", "1000 requests a minute"],
        ["order of pages", "ok", "oldest first; with sort=desc, newest first"],
        ["depth of pages", "ok", "fewer than 100 pages: whether more are served cannot be seen"],
        ["duration", "ok", "60,000 conversations a minute at rate_share 0.6"],
        ["published satisfaction", "ok", "nothing yet"],
        ["published conversations", "ok", "nothing yet"],
    ]
    assert set(laptop.config.parent.iterdir()) == files


def test_a_check_after_a_run_says_how_long_the_next_one_takes(laptop: Laptop) -> None:
    assert laptop.type("run") == 0
    assert laptop.type("check", "--json") == 0

    findings = {finding["name"]: finding for finding in json.loads(laptop.out)}
    told = findings["duration"]["detail"]
    assert told.startswith("60,000 conversations a minute at rate_share 0.6, so about 0.0 min for the ")
    assert findings["API key"] == {"name": "API key", "ok": True, "detail": "valid", "remedy": ""}


def test_a_check_finds_a_missing_role_and_goes_on(laptop: Laptop, sandbox: Sandbox) -> None:
    sandbox.missing_roles = {"satisfaction": 403}
    exit_code = laptop.type("check")
    sandbox.missing_roles = {}

    assert exit_code == 1
    assert [row[0] for row in laptop.cells if row[1] == "FAILED"] == ["role for satisfaction"]
    assert "org.permission.satisfaction.read" in laptop.out


def test_a_check_without_a_key_looks_at_the_warehouse_all_the_same(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY"] = " "

    assert laptop.type("check") == 1
    assert [row[:2] for row in laptop.cells[1:]] == [
        ["configuration", "ok"],
        ["API key", "FAILED"],
        ["published satisfaction", "ok"],
        ["published conversations", "ok"],
    ]
    assert "the environment variable KUSTOMER_API_KEY is missing or empty" in laptop.out


def test_a_check_of_an_invalid_document_is_exit_code_2(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "ac me"})

    assert laptop.type("check") == 2
    assert 'org: found "ac me"' in laptop.err


# --- what cannot be done


def test_a_roll_back_needs_bigquery(laptop: Laptop) -> None:
    assert laptop.type("rollback", "acme", "conversations", "--to", "20261123t030000z-1a2b3c4d") == 2
    assert "BigQuery's time travel" in laptop.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["jump"], ["jobs", "--limit", "0"], ["jobs", "--limit", "x"], ["rollback", "acme", "messages", "--to", "r"]],
    ids=str,
)
def test_what_cannot_be_understood_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments, environment={})

    assert caught.value.code == 2
    assert "usage: kustomer-extract" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "(file): found No such file or directory"),
        ("integrations: [", "allowed: YAML, as in kustomer.example.yaml"),
        ("a: 1", "integrations: found None, allowed: a map from names to documents"),
        ("- 1", "integrations: found None"),
        ("integrations: {acme: }", "integrations.acme: found None"),
        ("integrations: {1: {org: acme}}", "integrations.1: found {'org': 'acme'}"),
        (b"\xff\xfe\xff", "allowed: YAML"),
    ],
)
def test_a_file_that_is_no_configuration_is_exit_code_2(
    laptop: Laptop, content: str | bytes | None, message: str
) -> None:
    laptop.config.unlink()
    if content is not None:
        laptop.config.write_bytes(content if isinstance(content, bytes) else content.encode())

    assert laptop.type("list") == 2
    assert message in laptop.err
    assert "Traceback" not in laptop.err


@pytest.mark.parametrize("command", ["run", "list", "check"])
def test_a_warehouse_that_cannot_be_used_is_exit_code_1(laptop: Laptop, command: str) -> None:
    laptop.warehouse = laptop.warehouse.parent / "nowhere" / "laptop.duckdb"

    assert laptop.type(command) == 1
    assert "What to do: see that its folder exists" in laptop.err


def test_the_command_line_loads_no_vendor_before_it_knows_where() -> None:
    vendors = {"duckdb", "google.api_core", "google.auth", "google.cloud.bigquery", "tqdm", "yaml"}
    program = f"import sys, kustomer_extract.cli; print({vendors} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": "functions"}

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"


def test_the_example_configuration_is_valid_and_shows_every_setting() -> None:
    text = (ROOT / "kustomer.example.yaml").read_text().replace("# requests_per_minute", "requests_per_minute")
    documents = yaml.safe_load(text)["integrations"]

    integration = parse_integration("acme", documents["acme"], now=NOW)
    assert integration.warnings == ()
    assert set(documents["acme"]) == set(KEYS)
    assert set(documents["acme"]["tables"]) == {table.value for table in Table}


# --- tables


def test_numbers_are_aligned_to_the_right_and_none_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "ROWS", "END"), [("a", 1234567, "x"), ("long name", None, "y")])

    assert capsys.readouterr().out.splitlines() == [
        "NAME            ROWS  END",
        "a          1,234,567  x",
        "long name          -  y",
    ]


def test_outcomes_have_colours_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    print_table(("COLOUR",), [("green",), ("other",)])

    assert capsys.readouterr().out.splitlines() == ["COLOUR", "\x1b[32mgreen \x1b[0m", "other"]
