"""Any configuration document becomes an integration, or `ConfigInvalid` with every problem."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.laptop.configuration import YamlConfigStore
from kustomer_extract.config import Integration, may_continue, parse_integration, restore_integration, to_document
from kustomer_extract.errors import ConfigInvalid, Problem, UnknownIntegration
from kustomer_extract.models import Table
from kustomer_extract.schema import load_schema
from tests.configurations import NOW
from tests.fuzz.inputs import INPUTS, JSON_VALUES, OTHER_VALUES, iter_changed, iter_changed_texts

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "kustomer.example.yaml").read_text()
SEEDED: dict[str, Any] = {
    "org": "acme",
    "status": "PENDING",
    "personal_data": False,
    "history_start": "24 months",
    "rate_share": "0.6",
    "requests_per_minute": 1000,
    "_last_run": {"colour": "green"},
    "tables": {
        table.value: {
            "selected": True,
            "max_drop_percent": 10,
            "columns": {
                field.name: {inner.name: True for inner in field.fields} or True for field in load_schema(table)
            },
        }
        for table in Table
    },
}
GOOD = (SEEDED, yaml.safe_load(EXAMPLE)["integrations"]["acme"], {"org": "acme", "status": "ACTIVE"})


def read_document(document: dict[Any, Any]) -> Integration | tuple[Problem, ...]:
    try:
        return parse_integration("acme", document, now=NOW)
    except ConfigInvalid as error:
        return error.problems


def test_a_document_is_read_or_every_problem_has_its_path() -> None:
    read = refused = 0
    for document in iter_changed(GOOD, values=(*JSON_VALUES, *OTHER_VALUES)):
        if not isinstance(document, dict):  # every source returns a map
            continue
        integration = read_document(document)
        if not isinstance(integration, Integration):
            refused += 1
            assert integration
            assert all(problem.path and problem.allowed and str(problem).encode() for problem in integration)
            continue
        read += 1
        effective = json.loads(json.dumps(to_document(integration)))
        assert restore_integration("acme", effective, now=NOW) == integration
        assert may_continue(document) is integration.status.runs

    assert read > INPUTS / 20
    assert refused > INPUTS / 4


def test_a_file_is_read_or_refused(tmp_path: Path) -> None:
    file, warehouse = tmp_path / "kustomer.yaml", DuckDbWarehouse.open(":memory:")
    store, read = YamlConfigStore(file, warehouse), 0

    changed = iter_changed_texts([EXAMPLE, "integrations: {acme: {org: acme}}"], count=INPUTS // 20)
    for text in ("[" * 10_000, "a: " * 10_000, *changed):
        file.write_bytes(text.encode(errors="surrogatepass"))
        with suppress(ConfigInvalid, UnknownIntegration):
            for name in store.list_names():
                parse_integration(name, store.fetch(name), now=NOW)
                read += 1
    warehouse.close()

    assert read
