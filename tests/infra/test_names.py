"""Events, fields and error codes in Terraform's filters are those that the code logs; tables are those it knows."""

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
HCL = re.sub(r'(?<!\\)",\n +"', " ", WRITTEN).replace('\\"', '"')  # joins filters that are split over lines
DEFAULT_PERCENT = 10  # percent; the default of a table
EVENTS = {event.name: set(inspect.get_annotations(event)) for event in CATALOGUE}


def find_compared(name: str) -> set[str]:
    """Find every value with which a filter compares a field of the payload."""
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


def test_the_metric_settled_counts_the_events_that_the_code_logs() -> None:
    assert find_compared("colour") == {Colour.GREEN.value}
    assert find_compared("reason") == {"paused", "deleted"}


def find_list(name: str) -> set[str]:
    """Find the strings of a list in the locals."""
    (written,) = re.findall(rf"{name} += \[(.*?)\]", HCL)
    return set(re.findall(r'"(\w+)"', written))


def test_the_seeded_settings_of_tables_are_the_defaults_of_the_code() -> None:
    """Both sides read the list of tables from the schema files."""
    (percents,) = re.findall(r"_max_drop_percent += \{(.*?)\}", HCL)

    assert find_list("_always_selected") == ALWAYS_SELECTED
    assert find_list("_lookups") == {table.value for table in Table if table.is_lookup}
    assert dict(re.findall(r"(\w+) = (\d+)", percents)) == {
        table.value: f"{table.max_drop_percent:g}" for table in Table if table.max_drop_percent != DEFAULT_PERCENT
    }
    assert f"lookup(local._max_drop_percent, table, {DEFAULT_PERCENT:g})" in HCL
