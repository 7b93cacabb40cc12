"""The records of the sandbox: the same for the same seed, and like those of a real organisation."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from kustomer_extract.models import Batch, RunId, Table
from kustomer_extract.schema import choose, load_schema
from kustomer_extract.transform import compile_transform
from tests.contract.kustomer.asking import CONVERSATIONS, SURVEYS, get
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.store import Organisation

Attributes: TypeAlias = dict[str, Any]


class TestRecords:
    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        answers = []
        for seed in (1, 1, 2):
            with Sandbox(conversations=50, seed=seed) as sandbox:
                answers.append((get(sandbox, CONVERSATIONS).body, get(sandbox, SURVEYS).body))

        assert answers[0] == answers[1]
        assert answers[0][0] != answers[2][0]
        assert answers[0][1] != answers[2][1]

    def test_ids_are_24_hex_characters(self) -> None:
        organisation = Organisation(conversations=20, surveys=20, seed=1)

        ids = organisation.ids("conversations") + organisation.ids("satisfaction")
        assert all(re.fullmatch("[0-9a-f]{24}", identifier) for identifier in ids)

    def test_sizes_are_those_of_real_records(self) -> None:
        rows = Organisation(conversations=500, surveys=12, seed=1).conversations.serialise(0, 500)

        sizes = sorted(len(row) for row in rows)
        assert 900 < sizes[0] < 1200
        assert 3500 < statistics.median(sizes) < 3900

    @pytest.mark.parametrize("table", Table)
    def test_records_fit_the_schema_files(self, table: Table) -> None:
        to_row = compile_transform(choose(load_schema(table), True), table=table)
        batch = Batch(run_id=RunId("20261123t030000z-1a2b3c4d"), started_at=datetime(2026, 11, 23, 3, tzinfo=UTC))

        records = Organisation(conversations=500, surveys=20, seed=1).rows(table.value)
        assert [drift for record in records if (drift := to_row(record, batch=batch).drift)] == []

    def test_unknown_keys_are_optional(self) -> None:
        organisation = Organisation(conversations=30, surveys=1, seed=1, unknown_every=10)

        unknown = [number for number, it in enumerate(organisation.conversations) if "futureKey" in it["attributes"]]
        assert unknown == [0, 10, 20]


@pytest.fixture(scope="module")
def desk() -> Organisation:
    """Two years of a support desk. The tests of this module do not change it."""
    return Organisation(conversations=4000, surveys=12, seed=1)


@pytest.fixture(scope="module")
def cases(desk: Organisation) -> list[Attributes]:
    """List the attributes of all conversations."""
    return [json.loads(row)["attributes"] for row in desk.conversations.serialise(0, 4000)]


@pytest.fixture(scope="module")
def real(cases: list[Attributes]) -> list[Attributes]:
    """List the attributes of conversations that have messages."""
    return [case for case in cases if case["messageCount"]]


def to_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def count_ms(start: str, stop: str) -> int:
    return (to_moment(stop) - to_moment(start)) // timedelta(milliseconds=1)


class TestASupportDesk:
    def test_customers_write_on_weekdays_and_by_day(self, cases: list[Attributes]) -> None:
        moments = [to_moment(case["createdAt"]) for case in cases]
        weekdays, hours = (Counter(part) for part in zip(*((at.weekday(), at.hour) for at in moments), strict=True))

        assert weekdays[0] > weekdays[4] > 2 * weekdays[6] > 0
        assert hours[10] > hours[18] > 5 * hours[3] > 0

    def test_there_are_more_of_them_in_the_second_year(self, cases: list[Attributes]) -> None:
        later = sum(case["createdAt"] >= "2025-11-24" for case in cases)

        assert 1.1 < later / (len(cases) - later) < 1.6

    def test_some_channels_teams_and_agents_are_busier(self, real: list[Attributes]) -> None:
        channels = Counter(case["channels"][0] for case in real)
        agents = Counter(agent for case in real for agent in case["assignedUsers"])

        assert [name for name, _ in channels.most_common(3)] == ["email", "chat", "voice"]
        assert min(channels.values()) * 10 < channels["email"]
        assert len(agents) == 14
        assert min(agents.values()) * 4 < max(agents.values())

    def test_agents_are_users_and_members_of_the_team(self, desk: Organisation, real: list[Attributes]) -> None:
        users = {*desk.ids("users"), *desk.ids("former users")}
        teams = {team["id"]: set(team["attributes"]["members"]) for team in map(dict, desk.teams)}
        former = set(desk.ids("former users"))

        assigned = [(case["assignedTeams"][0], agent) for case in real for agent in case["assignedUsers"]]
        assert {agent for _, agent in assigned} <= users
        assert [pair for pair in assigned if pair[1] not in teams[pair[0]] | former] == []

    def test_the_responder_is_not_always_the_assigned_agent(self, real: list[Attributes]) -> None:
        answered = [case for case in real if case["firstResponse"] and case["firstResponse"].get("createdBy")]

        other = sum(case["firstResponse"]["createdBy"] not in case["assignedUsers"] for case in answered)
        assert 0.05 < other / len(answered) < 0.4

    def test_messages_add_up(self, real: list[Attributes]) -> None:
        wrong = [
            case
            for case in real
            if case["messageCount"] != case["inboundMessageCount"] + case["outboundMessageCount"]
            or not 1 <= case["messageCount"] <= 15
        ]
        assert wrong == []

    def test_customers_come_back(self, desk: Organisation) -> None:
        rows = map(json.loads, desk.conversations.serialise(0, 4000))
        contacts = Counter(row["relationships"]["customer"]["data"]["id"] for row in rows)

        assert 1.2 < 4000 / len(contacts) < 2.5
        assert max(contacts.values()) < 40


class TestTimes:
    def test_the_first_answer(self, real: list[Attributes]) -> None:
        answers = [(case["createdAt"], case["firstResponse"]) for case in real if case["firstResponse"]]
        times = [
            (it["time"], it["businessTime"], count_ms(created, it["sentAt"])) for created, it in answers if "time" in it
        ]

        assert len(times) > 3000
        assert [pair for pair in times if pair[0] != pair[2] or not 0 <= pair[1] <= pair[0]] == []

    @pytest.mark.parametrize("name", ["firstDone", "lastDone"])
    def test_ends(self, real: list[Attributes], name: str) -> None:
        ends = [(case["createdAt"], case[name]) for case in real if case[name]]

        assert len(ends) > 3000
        wrong = [it for created, it in ends if it["time"] != count_ms(created, it["createdAt"]) or not it["id"]]
        assert wrong == []
        assert [it for _, it in ends if not 0 <= it["businessTime"] <= it["time"]] == []

    def test_chat_is_answered_in_minutes_and_mail_in_hours(self, real: list[Attributes]) -> None:
        def find_median(channel: str) -> Any:
            answers = [
                case["firstResponse"] for case in real if case["channels"][0] == channel and case["firstResponse"]
            ]
            return statistics.median(it["time"] / 60_000 for it in answers if "time" in it)

        assert 0.3 < find_median("chat") < 10
        assert 60 < find_median("email") < 900

    def test_a_reopened_conversation_is_done_twice(self, real: list[Attributes]) -> None:
        again = [case for case in real if case["reopenCount"]]

        assert 0.04 < len(again) / len(real) < 0.2
        assert {case["doneCount"] for case in again if case["status"] == "done"} == {2}
        assert all(
            case["firstDone"]["createdAt"] < case["lastDone"]["createdAt"] for case in again if case["doneCount"] == 2
        )

    def test_open_conversations_are_recent(self, real: list[Attributes]) -> None:
        end = datetime(2026, 11, 23, tzinfo=UTC)
        ages = [(end - to_moment(case["createdAt"])).days for case in real if case["status"] != "done"]

        assert 10 < len(ages) < 100
        assert statistics.median(ages) < 30

    def test_nothing_has_happened_in_the_future(self, cases: list[Attributes]) -> None:
        to_come = {"breachAt", "firstBreachAt", "scheduledFor"}  # promises and plans

        def find_times(value: Any, name: str = "") -> list[str]:
            if isinstance(value, dict):
                snoozed = {"time"} if name == "snooze" else set()
                return [at for key, it in value.items() if key not in to_come | snoozed for at in find_times(it, key)]
            return [value] if name.endswith("At") and value else []

        late = [at for case in cases for at in find_times(case) if at > "2026-11-23T00:00:00.000Z"]
        assert late == []

    def test_no_change_is_before_the_creation_and_updated_at_is_the_last_one(self, cases: list[Attributes]) -> None:
        names = ("modifiedAt", "lastActivityAt", "lastMessageAt", "endedAt")
        times = [
            (case["createdAt"], case["updatedAt"], [case[name] for name in names if case.get(name)]) for case in cases
        ]

        assert [it for it in times if not all(it[0] <= at <= it[1] for at in it[2])] == []

    def test_a_breach_means_an_answer_after_the_deadline(self, real: list[Attributes]) -> None:
        levels = [case["sla"] for case in real if case["sla"] and case["sla"]["status"] == "done"]

        firsts = [(it["breached"], it["metrics"]["firstResponse"], it["breach"]) for it in levels]
        wrong = [
            it for it in firsts if it[0] != (it[1]["satisfiedAt"] > it[1]["breachAt"]) or it[0] != (it[2] is not None)
        ]
        assert wrong == []
        assert 0.05 < sum(breached for breached, *_ in firsts) / len(firsts) < 0.35


class TestSurveys:
    def test_ratings_are_on_the_scale_of_a_survey_that_was_sent(
        self, desk: Organisation, real: list[Attributes]
    ) -> None:
        surveys = {survey["id"]: survey["attributes"] for survey in desk.surveys}
        rated = [(case, case["satisfactionLevel"]) for case in real if "rating" in case["satisfactionLevel"]]

        wrong = [
            level
            for case, level in rated
            if not level.get("sentAt")
            or level["status"] not in {"rated", "commented"}
            or not 1 <= level["rating"] <= surveys[level["form"]].get("scale", {"options": 5})["options"]
            or surveys[level["form"]]["channel"] != case["channels"][0]
        ]
        assert wrong == []
        assert {level["rating"] for _, level in rated} == {1, 2, 3, 4, 5}
        assert 0.2 < len(rated) / len(real) < 0.6

    def test_most_ratings_are_good(self, real: list[Attributes]) -> None:
        scores = [case["satisfactionLevel"]["score"] for case in real if "rating" in case["satisfactionLevel"]]

        assert 0.55 < statistics.mean(scores) < 0.9

    def test_only_finished_conversations_have_a_survey(self, real: list[Attributes]) -> None:
        assert [case for case in real if "form" in case["satisfactionLevel"] and case["status"] != "done"] == []


class TestFields:
    def test_custom_attributes_are_of_each_type(self, real: list[Attributes]) -> None:
        kinds = {
            name: {type(case["custom"][name]) for case in real if name in case["custom"]} for name in real[0]["custom"]
        }

        kinds["refundNum"] = {type(case["custom"]["refundNum"]) for case in real if "refundNum" in case["custom"]}
        assert kinds == {
            "orderNumberStr": {str},
            "noteTxt": {str},
            "trackingUrl": {str},
            "accountId": {str},
            "refundNum": {int, float, type(None)},
            "shippedAt": {str},
            "vipBool": {bool},
            "reasonTree": {str},
            "labelsStr": {list},
        }

    def test_attributes_of_2025(self, real: list[Attributes]) -> None:
        assert {case["billingStatus"] for case in real} == {"invoiced", None}
        assert {len(case["aiAgent"]["automationId"]) for case in real} == {0, 1}

    def test_unset_records_are_lists_or_texts(self, cases: list[Attributes]) -> None:
        unset = {name for case in cases for name, value in case.items() if value in ("", [])}

        assert {"sla", "assistant", "snooze", "open", "lastDone", "firstResponse"} <= unset
