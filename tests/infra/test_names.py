"""The names of the log that Terraform's filters hold on to are those that the code writes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from kustomer_extract.errors import ERROR_CODES
from kustomer_extract.events import CATALOGUE
from kustomer_extract.models import Colour, Table
from kustomer_extract.schema import ALWAYS_SELECTED

INFRA = Path(__file__).parents[2] / "infra"
WRITTEN = "\n".join(path.read_text() for path in sorted(INFRA.glob("*.tf")))
HCL = re.sub(r'(?<!\\)",\n +"', " ", WRITTEN).replace('\\"', '"')  # filters that are joined from lines, on one line
EVENTS = {event.name: set(inspect.get_annotations(event)) for event in CATALOGUE}


def find_compared(name: str) -> set[str]:
    """Find every value that a filter compares a field of the payload with."""
    found = re.findall(rf'jsonPayload\.{name}=(\([^)$]*\)|"[^"$]*")', HCL)
    return {value for group in found for value in re.findall(r'"(\w+)"', group)}


def test_every_event_in_a_filter_exists() -> None:
    named = find_compared("event") | set(re.findall(r'event += "(\w+)"', HCL))

    assert {"run_finished", "drift_found", "trigger_dropped"} <= named
    assert named - EVENTS.keys() == set()


def test_every_field_that_is_measured_is_a_field_of_its_event() -> None:
    measured = re.findall(r'event += "(\w+)"\n +field += "(\w+)"', HCL)

    assert len(measured) == 5
    assert [(event, field) for event, field in measured if field not in EVENTS[event]] == []


def test_every_field_of_a_filter_or_a_label_is_a_field_of_some_event() -> None:
    named = set(re.findall(r"jsonPayload\.(\w+)", HCL)) - {"event"}
    known = {field for names in EVENTS.values() for field in names}

    assert named - known == set()


def test_every_error_code_of_an_alert_exists() -> None:
    lists = re.findall(r"_(?:guard|key)_codes += \[(.*?)\]", HCL)
    named = {code for codes in lists for code in re.findall(r'"(\w+)"', codes)}

    assert named == {"guard_refused", "key_rejected", "role_missing", "secret_unavailable"}
    assert named - set(ERROR_CODES) == set()


def test_what_settles_a_run_is_what_the_code_says() -> None:
    assert find_compared("colour") == {Colour.GREEN.value}
    assert find_compared("reason") == {"paused", "deleted"}


def test_the_seeded_tables_and_columns_are_those_of_the_code() -> None:
    always = re.search(r"_always_selected += \[(.*?)\]", HCL)
    tables = re.search(r"_max_drop_percent += \{(.*?)\}", HCL)

    assert always is not None
    assert set(re.findall(r'"(\w+)"', always[1])) == ALWAYS_SELECTED
    assert tables is not None
    assert dict(re.findall(r"(\w+) = (\d+)", tables[1])) == {t.value: f"{t.max_drop_percent:g}" for t in Table}
