"""The configuration document: all problems are reported at once, each with its path, value and allowed values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from kustomer_extract.config import (
    Integration,
    TableConfig,
    config_hash,
    may_continue,
    parse_integration,
    restore_integration,
    to_document,
)
from kustomer_extract.errors import ConfigInvalid, Problem
from kustomer_extract.models import IntegrationName, IntegrationStatus, Table
from tests.configurations import NOW, build_integration

BARE = {"org": "acme", "status": "ACTIVE"}


def problems_of(document: dict[Any, Any], name: str = "acme") -> dict[str, Problem]:
    with pytest.raises(ConfigInvalid) as caught:
        parse_integration(name, document, now=NOW)
    return {problem.path: problem for problem in caught.value.problems}


def test_an_org_and_a_status_select_both_tables() -> None:
    integration = parse_integration("acme", {"org": "acme", "status": "PENDING"}, now=NOW)

    assert integration == Integration(
        name=IntegrationName("acme"),
        org="acme",
        status=IntegrationStatus.PENDING,
        history_start=None,
        history_period=None,
        personal_data=True,
        rate_share=0.6,
        requests_per_minute=None,
        views=True,
        tables={
            Table.SATISFACTION: TableConfig(max_drop_percent=90, columns=True),
            Table.CONVERSATIONS: TableConfig(max_drop_percent=10, columns=True),
        },
    )


def test_seven_mistakes_are_reported_at_once() -> None:
    found = problems_of(
        {
            "org": "https://acme.kustomerapp.com",
            "status": "ACTVE",
            "rate_share": 60,
            "history_start": "last year",
            "source": {"name": "kustomer"},
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
        "source",
        "tables.conversatons",
        "tables.conversations.columns.attributes.previw",
    }
    assert str(found["status"]) == (
        'status: found "ACTVE" (did you mean ACTIVE?), allowed: PENDING, ACTIVE, PAUSED, DELETED'
    )
    assert str(found["source"]) == "source: found a map, allowed: kustomer"
    assert found["tables.conversatons"].nearest == "conversations"
    assert str(found["rate_share"]) == "rate_share: found 60, allowed: a number above 0, at most 1, for example 0.6"


def test_the_suggested_name_comes_before_the_allowed_ones() -> None:
    columns = {"attributes": {"previw": False}}

    problem = problems_of({**BARE, "tables": {"conversations": {"columns": columns}}})

    (text,) = map(str, problem.values())
    assert text.startswith(
        "tables.conversations.columns.attributes.previw: found an unknown name (did you mean preview?), allowed: "
    )


@pytest.mark.parametrize(
    "org", [None, "", 7, "https://acme.kustomerapp.com", "acme/v1", "acme\n", "acme.evil.example", "-acme"]
)
def test_an_org_that_is_not_a_subdomain_is_refused(org: object) -> None:
    assert list(problems_of({**BARE, "org": org})) == ["org"]


@pytest.mark.parametrize("field", ["org", "status"])
def test_a_missing_required_field_is_a_problem(field: str) -> None:
    found = problems_of({key: value for key, value in BARE.items() if key != field})

    assert (list(found), found[field].found) == ([field], "nothing")


@pytest.mark.parametrize("name", ["Acme", "1acme", "acme-eu", "", "a" * 41, "acme\n"])
def test_a_name_that_cannot_prefix_a_table_is_refused(name: str) -> None:
    assert list(problems_of(BARE, name)) == ["(name)"]


def test_harmless_mistakes_are_accepted_with_a_warning() -> None:
    integration = parse_integration(
        "acme",
        {
            "org": "acme",
            "status": "active ",
            "personal_data": "False",
            "rate_share": "0.5",
            "requests_per_minute": "1000",
            "tables": {"satisfaction": {"selected": "False"}, "conversations": {"max_drop_percent": "40"}},
        },
        now=NOW,
    )

    assert integration.status is IntegrationStatus.ACTIVE
    assert integration.personal_data is False
    assert (integration.rate_share, integration.requests_per_minute) == (0.5, 1000)
    assert integration.tables == {Table.CONVERSATIONS: TableConfig(max_drop_percent=40, columns=True)}
    assert integration.warnings == (
        'personal_data: "False" was read as false',
        'requests_per_minute: "1000" was read as 1000.0',
        'status: "active " was read as "ACTIVE"',
        'rate_share: "0.5" was read as 0.5',
        'tables.satisfaction.selected: "False" was read as false',
        'tables.conversations.max_drop_percent: "40" was read as 40.0',
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (date(2019, 1, 1), datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01", datetime(2019, 1, 1, tzinfo=UTC)),
        ("2019-01-01T02:00:00+02:00", datetime(2019, 1, 1, tzinfo=UTC)),
        (datetime(2019, 1, 1, 5, tzinfo=UTC), datetime(2019, 1, 1, 5, tzinfo=UTC)),
        (datetime(2019, 1, 1, 5), datetime(2019, 1, 1, 5, tzinfo=UTC)),  # noqa: DTZ001 YAML's timestamps have no zone
        ("24 months", datetime(2024, 11, 23, tzinfo=UTC)),
        (" 1 Year", datetime(2025, 11, 23, tzinfo=UTC)),
        ("9 months", datetime(2026, 2, 23, tzinfo=UTC)),
        ("90days", datetime(2026, 8, 25, tzinfo=UTC)),
        ("2 weeks", datetime(2026, 11, 9, tzinfo=UTC)),
    ],
)
def test_history_start_is_a_date_a_timestamp_their_text_or_a_rolling_period(written: object, meant: datetime) -> None:
    integration = build_integration(history_start=written)

    assert integration.history_start == meant
    assert integration.warnings == ()


def test_a_rolling_period_ends_on_the_last_day_of_a_shorter_month() -> None:
    integration = parse_integration(
        "acme", {**BARE, "history_start": "1 month"}, now=datetime(2026, 3, 31, 3, tzinfo=UTC)
    )

    assert integration.history_start == datetime(2026, 2, 28, tzinfo=UTC)


def test_a_rolling_period_has_the_same_hash_every_day() -> None:
    document = {**BARE, "history_start": "24 months"}

    today, tomorrow = (parse_integration("acme", document, now=NOW.replace(day=day)) for day in (23, 24))

    assert today.history_start != tomorrow.history_start
    assert config_hash(today) == config_hash(tomorrow)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("source", {"source": "zendesk"}),
        ("source", {"source": ["kustomer"]}),
        ("rate_shere", {"rate_shere": 0.5}),
        ("rate_share", {"rate_share": 0}),
        ("rate_share", {"rate_share": True}),
        ("rate_share", {"rate_share": "nan"}),
        ("rate_share", {"rate_share": 10**400}),
        ("requests_per_minute", {"requests_per_minute": -1}),
        ("personal_data", {"personal_data": "off"}),
        ("views", {"views": 1}),
        ("history_start", {"history_start": 2019}),
        ("history_start", {"history_start": "2062-01-01"}),
        ("history_start", {"history_start": "0 months"}),
        ("history_start", {"history_start": "9999 years"}),
        ("history_start", {"history_start": "0001-01-01T00:00:00+02:00"}),
        ("tables", {"tables": ["conversations"]}),
        ("tables.conversations", {"tables": {"conversations": True}}),
        ("tables.conversations.select", {"tables": {"conversations": {"select": True}}}),
        ("tables.conversations.selected", {"tables": {"conversations": {"selected": "maybe"}}}),
        ("tables.conversations.max_drop_percent", {"tables": {"conversations": {"max_drop_percent": 101}}}),
        ("status", {"status": 1}),
        ("7", {7: True}),
    ],
)  # fmt: skip
def test_one_mistake_is_one_problem_at_its_path(path: str, document: dict[Any, Any]) -> None:
    assert list(problems_of({**BARE, **document})) == [path]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        *((key, {key: None}) for key in ("source", "status", "history_start", "personal_data", "rate_share")),
        *((key, {key: None}) for key in ("requests_per_minute", "views", "tables", "note")),
        ("tables.conversations", {"tables": {"conversations": None}}),
        ("tables.conversations.selected", {"tables": {"conversations": {"selected": None}}}),
        ("tables.conversations.max_drop_percent", {"tables": {"conversations": {"max_drop_percent": None}}}),
    ],
)  # fmt: skip
def test_null_is_a_problem_and_never_the_default(path: str, document: dict[str, Any]) -> None:
    found = problems_of({**BARE, **document})

    assert (list(found), found[path].found) == ([path], "null")


def test_a_table_that_is_not_named_is_not_selected() -> None:
    integration = build_integration(tables={"satisfaction": {}})

    assert list(integration.tables) == [Table.SATISFACTION]


def test_with_an_empty_map_of_tables_none_is_selected() -> None:
    assert build_integration(tables={}).tables == {}


def test_a_lookup_table_is_not_selected_by_default() -> None:
    named: dict[str, object] = {table.value: {} for table in Table}

    integration = build_integration(tables={**named, "users": {"selected": True}})

    assert set(integration.tables) == {Table.SATISFACTION, Table.CONVERSATIONS, Table.USERS}


def test_names_of_the_function_are_ignored() -> None:
    noted = {"_last_run": {"colour": "green"}, "_of_a_later_release": None}

    integration = build_integration(**noted)

    assert integration == build_integration()
    assert config_hash(integration) == config_hash(build_integration())


def test_an_error_about_a_name_with_dots_says_how_to_nest_it() -> None:
    found = problems_of({**BARE, "table.conversations": {"selected": True}})

    assert str(found["table.conversations"]) == (
        "table.conversations: found a name with a dot, allowed: one name a level: "
        "write it nested, a map tables with conversations in it"
    )


def test_a_long_value_is_shortened_in_the_message() -> None:
    problem = problems_of({**BARE, "org": "x" * 1000})["org"]

    assert len(problem.found) == 61


def test_the_content_of_a_map_or_a_list_is_not_shown() -> None:
    found = problems_of({**BARE, "org": {"a": "secret"}, "status": ["secret"], "history_start": date(2062, 1, 1)})

    assert [problem.found for problem in found.values()] == ["2062-01-01", "a map", "a list"]


def test_the_effective_document_is_read_as_the_same_integration() -> None:
    integration = build_integration(
        history_start="24 months",
        note="asked for by finance",
        personal_data=False,
        requests_per_minute=500,
        views=False,
        tables={"satisfaction": {"selected": False}, "conversations": {"columns": {"attributes": {"preview": False}}}},
    )

    again = restore_integration("acme", to_document(integration), now=NOW)

    assert again == integration
    assert config_hash(again) == config_hash(integration)


def test_an_effective_document_of_an_older_release_may_hold_null() -> None:
    assert restore_integration("acme", {**BARE, "history_start": None}, now=NOW).history_start is None


def test_the_hash_depends_on_the_settings_and_not_on_the_status() -> None:
    pending = build_integration()
    active = build_integration(status="ACTIVE")
    other = build_integration(rate_share=0.7)

    assert config_hash(pending) == config_hash(active)
    assert config_hash(pending) != config_hash(other)


@pytest.mark.parametrize(
    ("status", "continues"),
    [("ACTIVE", True), ("PENDING", True), ("paused ", False), ("DELETED", False), (None, True), (7, True)],
)
def test_a_run_continues_unless_a_person_stopped_it(status: object, continues: bool) -> None:  # noqa: FBT001
    assert may_continue({"status": status}) is continues
