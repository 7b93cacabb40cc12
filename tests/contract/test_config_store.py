"""The contract of `ConfigStore`: it reads documents as people wrote them, and only writes what it owns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import yaml

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.laptop.configuration import YamlConfigStore
from kustomer_extract.config import parse_integration
from kustomer_extract.errors import UnknownIntegration
from kustomer_extract.models import IntegrationName, IntegrationStatus
from tests.configurations import NOW
from tests.contract.cloud_adapters import build_config_store, edit_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kustomer_extract.ports import ConfigStore
    from tests.contract.cloud_adapters import CloudClients

ACME = IntegrationName("acme")


class Console(Protocol):
    """A store, and a way to edit its documents as a person does."""

    @property
    def store(self) -> ConfigStore: ...

    def edit(self, name: str, document: Mapping[str, Any]) -> None: ...


class YamlConsole:
    def __init__(self, folder: Path, warehouse: DuckDbWarehouse) -> None:
        self._file = folder / "kustomer.yaml"
        self._documents: dict[str, Any] = {}
        self.store = YamlConfigStore(self._file, warehouse)

    def edit(self, name: str, document: Mapping[str, Any]) -> None:
        self._documents[name] = dict(document)
        self._file.write_text(yaml.safe_dump({"integrations": self._documents}))


class FirestoreConsole:
    def __init__(self, clients: CloudClients) -> None:
        self._clients = clients
        self.store = build_config_store(clients)

    def edit(self, name: str, document: Mapping[str, Any]) -> None:
        edit_document(self._clients, name, document)


@pytest.fixture(params=["yaml", "firestore", pytest.param("emulator", marks=pytest.mark.emulator)])
def console(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Console]:
    if request.param != "yaml":
        yield FirestoreConsole(
            request.getfixturevalue("clients" if request.param == "firestore" else "emulated_clients")
        )
        return
    warehouse = DuckDbWarehouse.open(":memory:")
    yield YamlConsole(tmp_path, warehouse)
    warehouse.close()


def test_names_are_sorted(console: Console) -> None:
    for name in ("zeta", "acme", "acme_eu"):
        console.edit(name, {"org": "acme"})

    assert list(console.store.list_names()) == ["acme", "acme_eu", "zeta"]


def test_a_document_is_read_as_it_was_written(console: Console) -> None:
    document = {
        "org": "acme",
        "status": "PAUSED",
        "history_start": datetime(2019, 1, 1, 12, 30, tzinfo=UTC),
        "rate_share": 0.25,
        "tables": {
            "conversations": {"selected": True, "max_drop_percent": 50, "columns": {"attributes": {"a": False}}}
        },
    }
    console.edit("acme", document)

    assert console.store.fetch(ACME) == document


def test_the_next_read_sees_an_edit(console: Console) -> None:
    console.edit("acme", {"org": "acme"})
    console.store.fetch(ACME)
    console.edit("acme", {"org": "other", "status": "PAUSED"})

    assert console.store.fetch(ACME) == {"org": "other", "status": "PAUSED"}


def test_an_error_about_an_unknown_name_lists_the_known_ones(console: Console) -> None:
    console.edit("acme_eu", {"org": "acme"})

    with pytest.raises(UnknownIntegration, match=r"'acme'; known: acme_eu"):
        console.store.fetch(ACME)


@pytest.mark.parametrize("status", ["PENDING", "pending "])
def test_an_unchanged_pending_document_becomes_active(console: Console, status: str) -> None:
    console.edit("acme", {"org": "acme", "status": status})
    console.store.fetch(ACME)

    console.store.activate(ACME)
    console.store.activate(ACME)

    document = console.store.fetch(ACME)
    assert parse_integration("acme", document, now=NOW).status is IntegrationStatus.ACTIVE
    assert document["org"] == "acme"


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "DELETED"])
def test_a_status_that_is_not_pending_stays(console: Console, status: str) -> None:
    console.edit("acme", {"org": "acme", "status": status})
    console.store.fetch(ACME)

    console.store.activate(ACME)

    assert console.store.fetch(ACME) == {"org": "acme", "status": status}


def test_a_document_that_was_edited_since_it_was_read_is_not_activated(console: Console) -> None:
    console.edit("acme", {"org": "acme", "status": "PENDING"})
    console.store.fetch(ACME)
    edited = {"org": "acme", "status": "PENDING", "rate_share": 0.5}
    console.edit("acme", edited)

    console.store.activate(ACME)

    assert console.store.fetch(ACME) == edited


def test_a_status_that_a_person_sets_after_activation_stays(console: Console) -> None:
    console.edit("acme", {"org": "acme", "status": "PENDING"})
    console.store.fetch(ACME)
    console.store.activate(ACME)
    console.edit("acme", {"org": "acme", "status": "PAUSED"})

    assert console.store.fetch(ACME)["status"] == "PAUSED"


def test_recording_the_last_run_keeps_everything_that_people_wrote(console: Console) -> None:
    document = {"org": "acme", "status": "ACTIVE", "rate_share": 0.5}
    console.edit("acme", document)

    console.store.record_last_run(ACME, {"colour": "green", "tables": {"conversations": {"rows": 7}}})

    found = console.store.fetch(ACME)
    assert {name: value for name, value in found.items() if not name.startswith("_")} == document
    assert parse_integration("acme", found, now=NOW) == parse_integration("acme", document, now=NOW)


def test_recording_the_last_run_creates_no_document(console: Console) -> None:
    console.edit("other", {"org": "acme", "status": "ACTIVE"})

    console.store.record_last_run(ACME, {"colour": "green"})

    assert list(console.store.list_names()) == ["other"]


def test_on_a_laptop_a_document_without_a_status_is_pending_and_becomes_active(tmp_path: Path) -> None:
    warehouse = DuckDbWarehouse.open(":memory:")
    console = YamlConsole(tmp_path, warehouse)
    console.edit("acme", {"org": "acme"})

    before = console.store.fetch(ACME)
    console.store.activate(ACME)
    after = console.store.fetch(ACME)
    warehouse.close()

    assert (before["status"], after["status"]) == ("PENDING", "ACTIVE")


def test_in_firestore_a_document_without_a_status_gets_none(clients: CloudClients) -> None:
    console = FirestoreConsole(clients)
    console.edit("acme", {"org": "acme"})
    console.store.fetch(ACME)

    console.store.activate(ACME)

    assert console.store.fetch(ACME) == {"org": "acme"}
