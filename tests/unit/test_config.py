"""The configuration document: every problem at once, each with its path, what was found and what is allowed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kustomer_extract.config import Integration, TableConfig, config_hash, may_go_on, parse_integration, to_document
from kustomer_extract.errors import ConfigInvalid, Problem
from kustomer_extract.models import IntegrationName, IntegrationStatus, Table


def problems_of(document: dict[str, Any], name: str = "acme") -> dict[str, Problem]:
    with pytest.raises(ConfigInvalid) as caught:
        parse_integration(name, document)
    return {problem.path: problem for problem in caught.value.problems}


def test_an_org_alone_selects_everything() -> None:
    integration = parse_integration("acme", {"org": "acme"})

    assert integration == Integration(
        name=IntegrationName("acme"),
        org="acme",
        status=IntegrationStatus.PENDING,
        history_start=None,
        rate_share=0.6,
        tables={
            Table.SATISFACTION: TableConfig(max_drop_percent=90, columns=True),
            Table.CONVERSATIONS: TableConfig(max_drop_percent=50, columns=True),
        },
    )


@pytest.mark.parametrize(
    ("settings", "selected"),
    [({}, []), ({"users": {}}, []), ({"users": {"selected": True}}, ["users"]),
     ({"users": {"selected": "true"}, "teams": {"selected": True, "max_drop_percent": 5}}, ["users", "teams"])],
)  # fmt: skip
def test_lookups_are_off_unless_they_are_selected(settings: dict[str, Any], selected: list[str]) -> None:
    integration = parse_integration("acme", {"org": "acme", "tables": settings})

    assert [table.value for table in integration.tables if table.is_lookup] == selected


def test_a_lookup_has_a_guard_of_its_own() -> None:
    integration = parse_integration("acme", {"org": "acme", "tables": {"users": {"selected": True}}})

    assert integration.tables[Table.USERS] == TableConfig(max_drop_percent=50, columns=True)


def test_six_mistakes_are_reported_in_one_go() -> None:
    found = problems_of(
        {
            "org": "https://acme.kustomerapp.com",
            "status": "ACTVE",
            "rate_share": 60,
            "history_start": "last year",
            "tables": {
                "conversatons": {"selected": True},
                "conversations": {"columns": {"attributes": {"previw": False}}},
            },
        }
    )

    assert set(found) == {
        "org",
        "status",
        "rate_share",
        "history_start",
        "tables.conversatons",
        "tables.conversations.columns.attributes.previw",
    }
    assert found["status"] == Problem(
        path="status", found="'ACTVE'", allowed="PENDING, ACTIVE, PAUSED, DELETED", nearest="ACTIVE"
    )
    assert found["tables.conversatons"].nearest == "conversations"
    assert found["tables.conversations.columns.attributes.previw"].nearest == "preview"
    assert str(found["rate_share"]) == "rate_share: found 60, allowed: a number above 0 to 1, for example 0.6"


@pytest.mark.parametrize(
    "org", [None, "", 7, "https://acme.kustomerapp.com", "acme/v1", "acme\n", "acme.evil.example", "-acme"]
)
def test_an_org_that_is_no_subdomain_is_refused(org: object) -> None:
    found = problems_of({"org": org})

    assert list(found) == ["org"]


@pytest.mark.parametrize("name", ["Acme", "1acme", "acme-eu", "", "a" * 41, "acme\n"])
def test_a_name_that_cannot_prefix_a_table_is_refused(name: str) -> None:
    assert list(problems_of({"org": "acme"}, name)) == ["(name)"]


def test_console_habits_are_read_kindly_with_a_warning() -> None:
    integration = parse_integration(
        "acme",
        {
            "org": "acme",
            "status": "active ",
            "rate_share": "0.5",
            "tables": {"satisfaction": {"selected": "False"}, "conversations": {"max_drop_percent": "40"}},
        },
    )

    assert integration.status is IntegrationStatus.ACTIVE
    assert integration.rate_share == 0.5
    assert integration.tables == {Table.CONVERSATIONS: TableConfig(max_drop_percent=40, columns=True)}
    assert integration.warnings == (
        "status: 'active ' was read as 'ACTIVE'",
        "rate_share: '0.5' was read as 0.5",
        "tables.satisfaction.selected: 'False' was read as False",
        "tables.conversations.max_drop_percent: '40' was read as 40.0",
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (date(2019, 1, 1), datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01", datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01T02:00:00+02:00", datetime(2019, 1, 1, tzinfo=UTC)),
        (datetime(2019, 1, 1, 5, tzinfo=UTC), datetime(2019, 1, 1, 5, tzinfo=UTC)),
        (datetime(2019, 1, 1, 5), datetime(2019, 1, 1, 5, tzinfo=UTC)),  # noqa: DTZ001 YAML's timestamps have no zone
        (None, None),
    ],
)
def test_history_start_is_a_date_a_timestamp_or_their_text(written: object, meant: datetime | None) -> None:
    assert parse_integration("acme", {"org": "acme", "history_start": written}).history_start == meant


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("source", {"source": "zendesk"}),
        ("rate_shere", {"rate_shere": 0.5}),
        ("rate_share", {"rate_share": 0}),
        ("rate_share", {"rate_share": True}),
        ("rate_share", {"rate_share": "nan"}),
        ("rate_share", {"rate_share": 10**400}),
        ("history_start", {"history_start": 2019}),
        ("history_start", {"history_start": "0001-01-01T00:00:00+02:00"}),
        ("tables", {"tables": ["conversations"]}),
        ("tables.conversations", {"tables": {"conversations": True}}),
        ("tables.conversations.select", {"tables": {"conversations": {"select": True}}}),
        ("tables.conversations.selected", {"tables": {"conversations": {"selected": "maybe"}}}),
        ("tables.conversations.max_drop_percent", {"tables": {"conversations": {"max_drop_percent": 101}}}),
        ("tables.conversations.columns", {"tables": {"conversations": {"columns": ["attributes"]}}}),
        ("tables.satisfaction.columns.id", {"tables": {"satisfaction": {"columns": {"id": {}}}}}),
        ("status", {"status": 1}),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem_at_its_path(path: str, document: dict[str, Any]) -> None:
    assert list(problems_of({"org": "acme", **document})) == [path]


def test_a_long_value_is_shortened_in_the_message() -> None:
    problem = problems_of({"org": "x" * 1000})["org"]

    assert len(problem.found) == 61


def test_a_selection_keeps_only_what_is_not_simply_true() -> None:
    columns = {"attributes": {"preview": False, "custom": True, "sla": {"name": True}}, "relationships": True}

    integration = parse_integration("acme", {"org": "acme", "tables": {"conversations": {"columns": columns}}})

    assert integration.tables[Table.CONVERSATIONS].columns == {"attributes": {"preview": False}}


def test_columns_that_are_always_there_cannot_be_unticked() -> None:
    document = {"org": "acme", "tables": {"conversations": {"columns": {"id": False}}}}

    integration = parse_integration("acme", document)

    assert integration.tables[Table.CONVERSATIONS].columns is True
    assert integration.warnings == ("tables.conversations.columns.id: False was read as True",)


def test_the_effective_document_reads_back_as_the_same_integration() -> None:
    document = {
        "org": "acme",
        "history_start": date(2020, 2, 2),
        "note": "asked for by finance",
        "tables": {
            "satisfaction": {"selected": False},
            "conversations": {"columns": {"attributes": {"preview": False}}},
        },
    }
    integration = parse_integration("acme", document)

    again = parse_integration("acme", to_document(integration))

    assert again == integration
    assert config_hash(again) == config_hash(integration)


def test_the_hash_follows_the_settings_and_not_the_status() -> None:
    pending = parse_integration("acme", {"org": "acme"})
    active = parse_integration("acme", {"org": "acme", "status": "ACTIVE"})
    other = parse_integration("acme", {"org": "acme", "rate_share": 0.7})

    assert config_hash(pending) == config_hash(active)
    assert config_hash(pending) != config_hash(other)


@pytest.mark.parametrize(
    ("status", "running"),
    [("ACTIVE", True), ("PENDING", True), (None, True), (7, True), ("paused ", False), ("DELETED", False)],
)
def test_only_a_readable_stop_stops_a_run(status: object, *, running: bool) -> None:
    assert may_go_on({"status": status}) is running
