"""Edits in the console: each mistake of `tests/mistakes.py` with the function, and with the command line."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from google.logging.type.log_severity_pb2 import LogSeverity  # type: ignore[import-untyped]  # there are no stubs

from kustomer_extract.cli import main
from tests import mistakes
from tests.system.installation import FIRESTORE, Installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.logging_v2.types import LogEntry

    from tests.mistakes import Mistake

_NUMBERS = itertools.count(1)
PAGE = Path(__file__).parents[2] / "docs" / "console.md"


@pytest.fixture(scope="module")
def shared() -> Iterator[Installation]:
    with Installation(firestore=FIRESTORE, sandbox={"conversations": 20, "surveys": 4}) as installation:
        yield installation


class Console:
    """An integration, and a way to edit its document as a person does."""

    def __init__(self, installation: Installation, name: str) -> None:
        self._installation = installation
        self._name = name

    def edit(self, document: dict[str, Any]) -> None:
        self._installation.configure(self._name)
        self._installation.firestore.document(f"integrations/{self._name}").set(document)

    def run(self) -> None:
        before = len(self._installation.read_log())
        message = self._installation.trigger({"integration": self._name, "trigger": "manual"})
        assert self._installation.run(message) == [200]
        self.log: list[LogEntry] = self._installation.read_log()[before:]

    @property
    def document(self) -> dict[str, Any]:
        document = self._installation.read_document(f"integrations/{self._name}")
        assert document is not None
        return document

    @property
    def last_run(self) -> dict[str, Any]:
        last_run: dict[str, Any] = self.document["_last_run"]
        return last_run

    def find(self, event: str) -> LogEntry:
        (entry,) = [entry for entry in self.log if entry.json_payload["event"] == event]
        return entry

    def columns(self) -> set[str]:
        table = self._installation.bigquery.get_table(f"kustomer.{self._name}_conversations")
        attributes = next(field for field in table.schema if field.name == "attributes")
        return {field.name for field in attributes.fields}

    def is_published(self, table: str) -> bool:
        names = {item.table_id for item in self._installation.bigquery.list_tables("kustomer")}
        return f"{self._name}_{table}" in names


@pytest.fixture
def console(shared: Installation) -> Console:
    return Console(shared, f"acme{next(_NUMBERS)}")


@pytest.mark.parametrize("mistake", mistakes.REFUSED, ids=lambda mistake: mistake.title)
def test_a_mistake_is_refused_with_its_path_and_the_remedy(console: Console, mistake: Mistake) -> None:
    console.edit(mistake.make())

    console.run()

    assert console.last_run["colour"] == "red"
    for table in ("conversations", "satisfaction"):
        result = console.last_run["tables"][table]
        assert (result["status"], result["error_code"], result["rows"]) == ("FAILED", "config_invalid", 0)
        assert f"- {mistake.problem}" in result["error"]
        assert not console.is_published(table)
    assert {name: value for name, value in console.document.items() if name != "_last_run"} == mistake.make()


@pytest.mark.parametrize("mistake", mistakes.ACCEPTED, ids=lambda mistake: mistake.title)
def test_a_harmless_mistake_is_accepted_with_a_warning(console: Console, mistake: Mistake) -> None:
    console.edit(mistake.make())

    console.run()

    assert console.last_run["colour"] == "green"
    assert console.find("config_loaded").json_payload["warnings"] == [mistake.warning]


@pytest.mark.parametrize("mistake", mistakes.SELECTED_AGAIN, ids=lambda mistake: mistake.title)
def test_a_column_that_is_selected_again_is_a_warning_with_its_name(console: Console, mistake: Mistake) -> None:
    console.edit(mistakes.DOCUMENT)
    console.run()
    assert "preview" not in console.columns()
    console.edit(mistake.make())

    console.run()

    assert "preview" in console.columns()
    entry = console.find("selection_changed")
    assert entry.severity == LogSeverity.Value("WARNING")
    assert str(mistake.warning) in entry.json_payload["message"]
    assert entry.json_payload["content_added"] == ["attributes.preview"]
    assert console.last_run["tables"]["conversations"]["columns_added"] == ["attributes.preview"]


@pytest.mark.parametrize("mistake", mistakes.SELECTED_AGAIN, ids=lambda mistake: mistake.title)
def test_without_personal_data_no_words_of_customers_are_selected_again(console: Console, mistake: Mistake) -> None:
    console.edit({**mistakes.DOCUMENT, "personal_data": False})
    console.run()
    before = console.columns()
    console.edit({**mistake.make(), "personal_data": False})

    console.run()

    assert "preview" not in before | console.columns()


def test_a_deleted_table_stays_published_and_both_are_logged(console: Console) -> None:
    console.edit(mistakes.DOCUMENT)
    console.run()
    console.edit(mistakes.SWITCHED_OFF.make())

    console.run()

    assert set(console.last_run["tables"]) == {"conversations"}
    assert console.is_published("satisfaction")
    (text,) = console.last_run["switched_off"]
    assert "DROP TABLE" in text
    assert console.find("table_left_published").json_payload["command"] in text


def test_a_paused_integration_whose_status_is_deleted_does_not_start(console: Console, shared: Installation) -> None:
    console.edit({**mistakes.DOCUMENT, "status": "PAUSED"})
    console.run()
    assert console.find("run_skipped").json_payload["reason"] == "paused"
    requests = len(shared.kustomer.requests)
    console.edit({name: value for name, value in mistakes.DOCUMENT.items() if name != "status"})

    console.run()

    assert console.last_run["tables"]["conversations"]["error_code"] == "config_invalid"
    assert len(shared.kustomer.requests) == requests


def test_last_run_has_the_result_and_the_rest_of_the_document_is_unchanged(console: Console) -> None:
    document = {
        **mistakes.DOCUMENT,
        "status": "PENDING",
        "note": "ours",
        "history_start": datetime(2019, 1, 1, tzinfo=UTC),
    }
    console.edit(document)

    console.run()

    assert {**console.document, "_last_run": None} == {**document, "status": "ACTIVE", "_last_run": None}
    last_run = console.last_run
    assert (last_run["colour"], last_run["trigger"]) == ("green", "manual")
    assert {table: result["status"] for table, result in last_run["tables"].items()} == dict.fromkeys(
        ("conversations", "satisfaction"), "SUCCEEDED"
    )
    assert set(last_run["links"]) == {"log", "history"}


# --- the same documents with the command line


@pytest.mark.parametrize(
    "mistake", [mistake for mistake in mistakes.REFUSED if not mistake.only_in_firestore], ids=lambda s: s.title
)
def test_the_command_line_refuses_the_same(
    mistake: Mistake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, mistake)

    exit_code = main(["tables", "--config", str(file), "--warehouse", str(tmp_path / "w.duckdb")], environment={})

    error = capsys.readouterr().err
    assert exit_code == 2
    assert error.startswith(f"kustomer-extract: {file}, integrations.acme: 1 problem(s)")
    assert f"- {mistake.problem}" in error


@pytest.mark.parametrize(
    "mistake", [*mistakes.ACCEPTED, *mistakes.SELECTED_AGAIN, mistakes.SWITCHED_OFF], ids=lambda s: s.title
)
def test_the_command_line_accepts_the_same(
    mistake: Mistake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, mistake)

    exit_code = main(["tables", "--config", str(file), "--warehouse", str(tmp_path / "w.duckdb")], environment={})

    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert exit_code == 0
    assert ["satisfaction", "no" if mistake is mistakes.SWITCHED_OFF else "yes"] in rows
    assert ["conversations", "yes"] in rows


def write(folder: Path, mistake: Mistake) -> Path:
    file = folder / "kustomer.yaml"
    file.write_text(yaml.safe_dump({"integrations": {"acme": mistake.make()}}))
    return file


# --- the page


@pytest.mark.parametrize("mistake", mistakes.ALL, ids=lambda mistake: mistake.title)
def test_the_page_describes_each_mistake(mistake: Mistake) -> None:
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {mistake.title} |")]

    assert all(f"`{text}" in row or text in row for text in (mistake.problem, mistake.warning) if text)
