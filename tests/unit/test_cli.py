"""The command line on a laptop: arguments, output and exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml

from kustomer_extract.adapters.kustomer.report.facts import FACTS
from kustomer_extract.cli import main
from kustomer_extract.cli.output import print_table
from kustomer_extract.config import parse_integration
from kustomer_extract.config.document import KEYS
from kustomer_extract.models import Table
from tests.configurations import NOW
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PLENTY = RateLimit(requests=100_000)  # so that no test waits for its turn
RUN_ID = r"\d{8}t\d{6}z-[0-9a-f]{8}"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(conversations=120, surveys=3, limit=PLENTY, search_limit=PLENTY) as sandbox:
        yield sandbox


class Laptop:
    """A folder with a configuration, and a way to run commands in it."""

    def __init__(self, folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "kustomer.yaml"
        self.warehouse = folder / "laptop.duckdb"
        self.environment = {"KUSTOMER_API_KEY": sandbox.key, "KUSTOMER_API_URL": sandbox.url}
        self._capsys = capsys
        self.configure(acme={"org": "acme"})

    def configure(self, **documents: Any) -> None:
        self.config.write_text(yaml.safe_dump({"integrations": documents}))

    def type(self, *arguments: str) -> int:
        """Run a command. Its output is in `out` (lines of cells) and `err`."""
        places = ["--config", str(self.config), "--warehouse", str(self.warehouse)]
        try:
            return main([*arguments, *places], environment=self.environment)
        finally:
            self.out, self.err = self._capsys.readouterr()

    @property
    def cells(self) -> list[list[str]]:
        return [re.split(r" {2,}", line) for line in self.out.splitlines()]


@pytest.fixture(scope="module")
def filled(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run once. Tests that only read the result use a copy of these files."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "kustomer.yaml").write_text(yaml.safe_dump({"integrations": {"acme": {"org": "acme"}}}))
    places = ["--config", str(folder / "kustomer.yaml"), "--warehouse", str(folder / "laptop.duckdb")]
    environment = {"KUSTOMER_API_KEY": sandbox.key, "KUSTOMER_API_URL": sandbox.url}
    assert main(["run", *places], environment=environment) == 0
    return folder / "laptop.duckdb"


@pytest.fixture
def finished_laptop(laptop: Laptop, filled: Path) -> Laptop:
    shutil.copyfile(filled, laptop.warehouse)
    return laptop


@pytest.fixture
def laptop(tmp_path: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> Laptop:
    return Laptop(tmp_path, sandbox, capsys)


# --- run


def test_a_run_prints_where_the_tables_are(laptop: Laptop) -> None:
    exit_code = laptop.type("run")

    assert exit_code == 0
    assert [row[:3] for row in laptop.cells] == [
        ["TABLE", "STATUS", "ROWS"],
        ["kustomer.acme_satisfaction", "SUCCEEDED", "3"],
        ["kustomer.acme_conversations", "SUCCEEDED", "120"],
        [""],
        [f"To look at the data: duckdb {laptop.warehouse}"],
    ]
    assert "acme: run finished green" in laptop.err


def test_the_printed_names_of_tables_work_in_duckdb(laptop: Laptop) -> None:
    laptop.warehouse = laptop.warehouse.with_name("kustomer.duckdb")
    laptop.type("run")

    name = laptop.cells[2][0]
    with duckdb.connect(str(laptop.warehouse), read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {name}").fetchall() == [(120,)]


def test_a_failed_job_is_exit_code_1_with_a_remedy(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY"] = "wrong"

    assert laptop.type("run", "acme") == 1
    assert [(row[1], row[-1]) for row in laptop.cells[1:]] == [("FAILED", "key_rejected")] * 2
    assert "the key of acme is rejected" in laptop.err
    assert "put its key into KUSTOMER_API_KEY" in laptop.err
    assert "secret" not in laptop.err
    assert "Traceback" not in laptop.err


def test_a_paused_integration_is_skipped_with_exit_code_0(laptop: Laptop) -> None:
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


def test_an_interrupted_run_is_exit_code_130_and_prints_what_is_published(laptop: Laptop) -> None:
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
    assert rest.splitlines()[-1] == (
        "kustomer-extract: interrupted: satisfaction is published; conversations stayed as before; "
        "the next run starts over"
    )
    assert laptop.type("jobs") == 0
    assert [row[2:4] + row[8:9] for row in laptop.cells[1:]] == [
        ["conversations", "SKIPPED", "stopped"],
        ["satisfaction", "SUCCEEDED", "-"],
    ]
    assert laptop.type("check") == 0
    assert laptop.cells[-1] == ["published conversations", "ok", "nothing yet"]


def test_a_table_that_is_named_runs_alone(laptop: Laptop) -> None:
    assert laptop.type("run", "acme", "satisfaction") == 0
    assert [row[0] for row in laptop.cells[1:2]] == ["kustomer.acme_satisfaction"]
    assert laptop.type("jobs") == 0
    assert [row[2] for row in laptop.cells[1:]] == ["satisfaction"]


def test_with_one_integration_a_table_may_be_given_without_its_name(laptop: Laptop) -> None:
    assert laptop.type("run", "satisfaction") == 0
    assert [row[0] for row in laptop.cells[1:2]] == ["kustomer.acme_satisfaction"]


def test_an_unknown_table_is_exit_code_2(laptop: Laptop) -> None:
    assert laptop.type("run", "acme", "messages") == 2
    assert "'messages' is not a table; the tables are satisfaction, conversations" in laptop.err


def test_a_run_as_json_has_every_field(laptop: Laptop) -> None:
    assert laptop.type("run", "--json") == 0
    assert [(job["table_name"], job["status"], job["rows"]) for job in json.loads(laptop.out)] == [
        ("satisfaction", "SUCCEEDED", 3),
        ("conversations", "SUCCEEDED", 120),
    ]


def test_a_quiet_run_prints_only_its_outcome(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "tables": {"conversations": {"selected": True}}})

    assert laptop.type("run", "-q") == 0
    assert laptop.err == ""


def test_a_dry_run_prints_the_requests_it_would_make_and_writes_nothing(
    finished_laptop: Laptop, sandbox: Sandbox
) -> None:
    before = len(sandbox.requests)

    assert finished_laptop.type("run", "--dry-run") == 0
    assert finished_laptop.cells[1:3] == [
        ["satisfaction", "3", "1", "0.0", "-", "-"],
        ["conversations", "120", "2", "0.0", "-", "-"],
    ]
    assert len(sandbox.requests) == before


def test_a_dry_run_names_added_and_removed_columns(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "tables": {"satisfaction": {"columns": {"links": False}}}})
    laptop.type("run")
    columns = {"attributes": {"name": False}}
    laptop.configure(acme={"org": "acme", "tables": {"satisfaction": {"columns": columns}}})

    assert laptop.type("run", "--dry-run") == 0
    assert laptop.cells[1][4:] == ["2: links, links.self", "1: attributes.name"]


def test_a_dry_run_before_the_first_run_creates_no_file(laptop: Laptop) -> None:
    assert laptop.type("run", "--dry-run") == 0
    assert [laptop.cells[1][:4], laptop.cells[1][4][:4]] == [["satisfaction", "-", "-", "-"], "all "]
    assert not laptop.warehouse.exists()


@pytest.mark.parametrize("words", [["acmee"], ["acme", "conversation"]])
def test_a_run_with_wrong_arguments_creates_no_file(laptop: Laptop, words: list[str]) -> None:
    assert laptop.type("run", *words) == 2
    assert not laptop.warehouse.exists()


def test_a_run_into_memory_is_refused(laptop: Laptop) -> None:
    laptop.warehouse = Path(":memory:")

    assert laptop.type("run") == 2
    assert "name a file" in laptop.err


@pytest.mark.parametrize("name", ["kustomer_staging.duckdb", "Kustomer.duckdb", "KUSTOMER.DUCKDB", "kustomer.db"])
def test_a_file_may_have_any_name(laptop: Laptop, name: str) -> None:
    laptop.warehouse = laptop.warehouse.with_name(name)

    assert laptop.type("run") == 0
    shown = laptop.cells[2][0]
    with duckdb.connect(str(laptop.warehouse), read_only=True) as connection:
        assert connection.execute(f"SELECT count(*) FROM {shown}").fetchall() == [(120,)]


def test_an_integration_may_have_its_own_key(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY_ACME"] = laptop.environment["KUSTOMER_API_KEY"]
    laptop.environment["KUSTOMER_API_KEY"] = "of somebody else"

    assert laptop.type("run") == 0


# --- which integration


def test_the_name_may_be_left_out_if_there_is_only_one(laptop: Laptop) -> None:
    assert laptop.type("tables") == 0


@pytest.mark.parametrize("command", ["run", "check", "tables"])
def test_the_name_is_required_if_there_are_several(laptop: Laptop, command: str) -> None:
    laptop.configure(acme={"org": "acme"}, acme_eu={"org": "acme"})

    assert laptop.type(command) == 2
    assert laptop.err == "kustomer-extract: NAME is needed, one of: acme, acme_eu\n"


@pytest.mark.parametrize("command", ["run", "check", "tables", "jobs"])
def test_an_error_about_an_unknown_name_lists_the_known_ones(laptop: Laptop, command: str) -> None:
    assert laptop.type(command, "amce") == 2
    assert "no integration is called 'amce'; known: acme" in laptop.err


# --- list, tables, jobs


def test_integrations_are_listed_with_their_last_run(finished_laptop: Laptop) -> None:
    finished_laptop.configure(acme={"org": "acme"}, bad={"org": 5}, zeta={"org": "zeta", "status": "PAUSED"})

    assert finished_laptop.type("list") == 0
    assert finished_laptop.cells[0] == ["NAME", "STATUS", "LAST RUN", "COLOUR", "ROWS"]
    name, status, last_run, *rest = finished_laptop.cells[1]
    assert (name, status, rest) == ("acme", "ACTIVE", ["green", "123"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", last_run)
    assert finished_laptop.cells[2:] == [["bad", "INVALID", "-", "-", "-"], ["zeta", "PAUSED", "-", "-", "-"]]


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


def test_jobs_are_shown_newest_first_with_the_colour_of_the_run(finished_laptop: Laptop) -> None:
    finished_laptop.environment["KUSTOMER_API_KEY"] = "wrong"
    finished_laptop.type("run")

    assert finished_laptop.type("jobs") == 0
    assert [(*row[1:7], *row[8:10]) for row in finished_laptop.cells[1:]] == [
        ("acme", "conversations", "FAILED", "0", "-", "none", "key_rejected", "red"),
        ("acme", "satisfaction", "FAILED", "0", "-", "none", "key_rejected", "red"),
        ("acme", "conversations", "SUCCEEDED", "120", "120", "newest", "-", "green"),
        ("acme", "satisfaction", "SUCCEEDED", "3", "-", "repeated reading", "-", "green"),
    ]
    assert all(re.fullmatch(RUN_ID, row[-1]) for row in finished_laptop.cells[1:])


def test_a_limit_that_cuts_a_run_does_not_change_its_colour(laptop: Laptop, sandbox: Sandbox) -> None:
    sandbox.missing_roles = {"satisfaction": 403}
    laptop.type("run")
    sandbox.missing_roles = {}

    laptop.type("jobs", "--limit", "1")

    assert [(row[2], row[3], row[-2]) for row in laptop.cells[1:]] == [("conversations", "SUCCEEDED", "orange")]


def test_jobs_as_json_have_every_field(laptop: Laptop) -> None:
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


HOLD_FILE_OPEN = "import duckdb, sys; held = duckdb.connect(sys.argv[1]{}); print(1, flush=True); input()"
READ_ONLY_COMMANDS = ["list", "jobs", "tables", "check"]


@pytest.mark.parametrize("command", READ_ONLY_COMMANDS)
def test_a_read_only_command_creates_no_file(laptop: Laptop, command: str) -> None:
    files = set(laptop.config.parent.iterdir())

    assert laptop.type(command) == 0
    assert set(laptop.config.parent.iterdir()) == files


def test_read_only_commands_work_beside_another_reader_and_change_nothing(finished_laptop: Laptop) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-c", HOLD_FILE_OPEN.format(", read_only=True"), str(finished_laptop.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert reader.stdout is not None
    reader.stdout.readline()
    before = finished_laptop.warehouse.read_bytes()

    exit_codes = [finished_laptop.type(command) for command in READ_ONLY_COMMANDS]

    reader.communicate("\n")
    assert exit_codes == [0, 0, 0, 0]
    assert finished_laptop.warehouse.read_bytes() == before


def test_a_read_only_command_does_not_change_a_foreign_file(laptop: Laptop) -> None:
    with duckdb.connect(str(laptop.warehouse)) as connection:
        connection.execute("CREATE SCHEMA kustomer_staging; CREATE TABLE kustomer_staging.mine AS SELECT 1 AS id")

    assert [laptop.type(command) for command in READ_ONLY_COMMANDS] == [0, 0, 0, 0]
    with duckdb.connect(str(laptop.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT * FROM kustomer_staging.mine").fetchall() == [(1,)]


def test_a_read_only_command_names_the_process_that_writes(laptop: Laptop) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_FILE_OPEN.format(""), str(laptop.warehouse)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        writer.stdout.readline()

        exit_code = laptop.type("jobs")

        writer.communicate("\n")
    assert exit_code == 1
    assert f"PID {writer.pid}" in laptop.err


def test_jobs_in_an_empty_folder_print_the_path_of_the_file(laptop: Laptop) -> None:
    assert laptop.type("jobs") == 0
    assert laptop.out == f"no jobs yet in {laptop.warehouse}\n"


def test_lists_as_json_have_the_same_content(finished_laptop: Laptop) -> None:
    finished_laptop.type("list", "--json")
    (integration,) = json.loads(finished_laptop.out)
    finished_laptop.type("tables", "--json")
    tables = json.loads(finished_laptop.out)

    assert (integration["name"], integration["status"], integration["rows"]) == ("acme", "ACTIVE", 123)
    assert [table["table"] for table in tables] == ["satisfaction", "conversations", "users", "teams"]


# --- check


def test_a_check_tests_everything_and_writes_nothing(laptop: Laptop) -> None:
    files = set(laptop.config.parent.iterdir())

    assert laptop.type("check") == 0
    assert laptop.cells == [
        ["CHECKED", "RESULT", "FOUND"],
        ["configuration", "ok", "PENDING: satisfaction, conversations"],
        ["API key", "ok", "valid"],
        ["role for satisfaction", "ok", "granted: 3 records on the first page"],
        ["role for conversations", "ok", "granted: 100 records on the first page"],
        ["rate limit", "ok", "100000 requests a minute"],
        ["order of pages", "ok", "oldest first; with sort=desc, newest first"],
        ["depth of pages", "ok", "fewer than 100 pages: whether more are served cannot be seen"],
        ["size of pages", "ok", "100; pages of 500 are refused, pages of 200 are refused"],
        [
            "way to conversations",
            "ok",
            "the list: the search counts 120 of them; one conversation has the same attributes in both",
        ],
        ["duration", "ok", "6,000,000 conversations a minute at rate_share 0.6"],
        ["published satisfaction", "ok", "nothing yet"],
        ["published conversations", "ok", "nothing yet"],
    ]
    assert set(laptop.config.parent.iterdir()) == files


def test_a_report_is_a_page_in_markdown_and_writes_nothing(laptop: Laptop) -> None:
    files = set(laptop.config.parent.iterdir())

    assert laptop.type("check", "--report") == 0
    lines = laptop.out.splitlines()
    assert lines[0] == "## What a live key tells of Kustomer's API"
    assert lines[4:6] == ["| | Question | What this key tells |", "| --- | --- | --- |"]
    assert len(lines) == 6 + len(FACTS)
    assert set(laptop.config.parent.iterdir()) == files


def test_with_an_invalid_key_an_error_replaces_the_report(laptop: Laptop) -> None:
    laptop.environment["KUSTOMER_API_KEY"] = "wrong"

    assert laptop.type("check", "--report") == 1
    assert "the key of acme is rejected" in laptop.err


def test_a_check_after_a_run_estimates_the_next_one(finished_laptop: Laptop) -> None:
    assert finished_laptop.type("check", "--json") == 0

    findings = {finding["name"]: finding for finding in json.loads(finished_laptop.out)}
    told = findings["duration"]["detail"]
    assert told.startswith("6,000,000 conversations a minute at rate_share 0.6, so under a minute for the ")
    assert findings["API key"] == {"name": "API key", "ok": True, "detail": "valid", "remedy": ""}


def test_a_limit_that_the_document_states(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "requests_per_minute": 500})
    with Sandbox(conversations=120, surveys=3, limit=RateLimit(requests=1000, headers="never")) as silent:
        laptop.environment["KUSTOMER_API_URL"] = silent.url

        assert laptop.type("check", "--json") == 0

    findings = {finding["name"]: finding["detail"] for finding in json.loads(laptop.out)}
    assert findings["rate limit"] == "not stated by Kustomer: the document's 500 a minute count"
    assert findings["duration"] == "30,000 conversations a minute at rate_share 0.6"


def test_a_check_reports_a_missing_role_and_continues(laptop: Laptop, sandbox: Sandbox) -> None:
    sandbox.missing_roles = {"satisfaction": 403}
    exit_code = laptop.type("check")
    sandbox.missing_roles = {}

    assert exit_code == 1
    assert [row[0] for row in laptop.cells if row[1] == "FAILED"] == ["role for satisfaction"]
    assert "org.permission.satisfaction.read" in laptop.out


def test_a_check_without_a_key_still_checks_the_warehouse(laptop: Laptop) -> None:
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


# --- init


def test_init_writes_every_table_and_column_and_checks(laptop: Laptop) -> None:
    laptop.config.unlink()

    exit_code = laptop.type("init", "acme", "--org", "acme", "--history-start", "2024-01-01", "--no-personal-data")

    document = yaml.safe_load(laptop.config.read_text())["integrations"]["acme"]
    integration = parse_integration("acme", {"status": "PENDING", **document}, now=NOW)
    assert exit_code == 0
    assert laptop.cells[1] == ["CHECKED", "RESULT", "FOUND"]
    assert (document["org"], str(document["history_start"])) == ("acme", "2024-01-01")
    assert set(document["tables"]) == set(Table)
    assert integration.warnings == ()
    assert document["tables"]["conversations"]["columns"]["attributes"]["status"] is True
    assert all(" # " in line for line in laptop.config.read_text().splitlines() if line.startswith(" " * 12))


def test_init_never_overwrites(laptop: Laptop) -> None:
    before = laptop.config.read_bytes()

    assert laptop.type("init", "other", "--org", "other") == 2
    assert laptop.config.read_bytes() == before
    assert "is there already" in laptop.err


def test_init_refuses_invalid_values_and_writes_nothing(laptop: Laptop) -> None:
    laptop.config.unlink()

    assert laptop.type("init", "acme", "--org", "ac me", "--personal-data") == 2
    assert not laptop.config.exists()


# --- help and output


def test_without_arguments_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([], environment={})

    assert caught.value.code == 0
    assert "Begin with: kustomer-extract init" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["init", "run", "list", "check", "tables", "jobs", "rollback"])
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"], environment={})

    assert f"Example: kustomer-extract {command}" in capsys.readouterr().out


def run_process(
    laptop: Laptop, command: str, *, shell: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell."""
    places = f"--config '{laptop.config}' --warehouse '{laptop.warehouse}'"
    line = f"set -o pipefail; '{sys.executable}' -m kustomer_extract {command} {places} {shell}"
    known = {**os.environ, **laptop.environment, "PYTHONPATH": "functions", **environment}
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=known, capture_output=True, text=True, check=False)


def test_a_closed_pipe_ends_quietly(laptop: Laptop) -> None:
    done = run_process(laptop, "tables --columns", shell="| head -n 1")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("TABLE")


def test_output_works_on_a_terminal_with_ascii_only(laptop: Laptop) -> None:
    laptop.configure(acme={"org": "acme", "status": "PAUSED"})

    done = run_process(laptop, "check", PYTHONIOENCODING="ascii")

    assert done.returncode == 0


# --- errors


def test_a_roll_back_needs_bigquery(laptop: Laptop) -> None:
    assert laptop.type("rollback", "acme", "conversations", "--to", "20261123t030000z-1a2b3c4d") == 2
    assert "BigQuery's time travel" in laptop.err


@pytest.mark.parametrize(
    "arguments",
    [["jump"], ["jobs", "--limit", "0"], ["jobs", "--limit", "x"], ["rollback", "acme", "messages", "--to", "r"]],
    ids=str,
)
def test_wrong_arguments_are_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments, environment={})

    assert caught.value.code == 2
    assert "usage: kustomer-extract" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            "(file): found no such file or directory, allowed: a readable file: write one with kustomer-extract init",
        ),
        ("integrations: [", "found did not find expected node content, allowed: YAML, as in kustomer.example.yaml"),
        ("a: 1", "integrations: found nothing, allowed: a map from names to documents"),
        ("- 1", "(file): found a list, allowed: a map from names to documents"),
        ("integrations: {}", "integrations: found an empty map"),
        ("integrations: {acme: }", "integrations.acme: found nothing"),
        ("integrations: {1: {org: acme}}", "integrations.1: found a name that is not text"),
        ("integrations:\n\tacme: {org: acme}", "line 2, column 1: found a tab: YAML indents with spaces"),
        (
            "integrations: {acme: {org: a,\n org: b}}",
            "line 2, column 2: found the key 'org' a second time (first in line 1)",
        ),
        (
            "integrations: {acme: {org: acme, history_start: 2024-02-30}}",
            "column 49: found a date that does not exist",
        ),
        (
            b"integrations:\n  acme: {org: \xff}",
            "line 2: found bytes that are not UTF-8, allowed: a text file saved as UTF-8",
        ),
    ],
)
def test_an_invalid_configuration_file_is_exit_code_2(
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


def test_importing_the_command_line_loads_no_vendor() -> None:
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


def test_numbers_are_aligned_to_the_right_and_none_is_shown_as_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
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
