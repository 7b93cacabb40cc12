"""Whole plans of the cases in the .tftest.hcl files. `make infra-check` runs these tests, because they need terraform.

The files in golden/ hold the plans: `one_integration` in full, the other cases as their differences from it.
`GOLDEN=write` rewrites them and the table of rights in infra/README.md. Review the difference.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kustomer_extract.bootstrap import Settings, parse_settings
from kustomer_extract.config import parse_integration
from kustomer_extract.models import Table
from kustomer_extract.schema import ALWAYS_SELECTED, list_content, load_schema, select
from tests.configurations import NOW, build_integration

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden")
README = ROOT / "infra" / "README.md"
WRITE = os.environ.get("GOLDEN") == "write"
HASHES = re.compile(r"(?<=source-)[0-9a-f]{16}(?=\.zip)|^[0-9a-f]{16}$|(?<=\"BUNDLE_HASH\": \")[0-9a-f]{16}")

Plan = dict[str, dict[str, Any]]


@functools.cache
def run_terraform_test() -> tuple[int, list[dict[str, Any]]]:
    """Run every .tftest.hcl file once; return the exit code and Terraform's messages."""
    command = [os.environ.get("TERRAFORM", "terraform"), "test", "-test-directory=tests/infra", "-json", "-verbose"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_every_run_of_terraform_test_passes() -> None:
    exit_code, messages = run_terraform_test()
    problems = [message["diagnostic"] for message in messages if message["type"] == "diagnostic"]
    errors = [
        f"{item['summary']}: {item.get('detail', '')} {item.get('range', '')}"
        for item in problems
        if item["severity"] == "error"
    ]

    assert (errors, exit_code) == ([], 0)


def find_plan(name: str) -> dict[str, Any]:
    """Find the plan of a run of a .tftest.hcl file."""
    plans = {line["@testrun"]: line["test_plan"] for line in run_terraform_test()[1] if line["type"] == "test_plan"}
    assert name in plans, f"terraform test printed no plan of the run {name!r}"
    plan: dict[str, Any] = plans[name]
    return plan


def read_plan(name: str) -> Plan:
    """Read a plan without computed attributes and empty values, so that only what the configuration decides is left."""
    plan = find_plan(name)
    schemas = {
        kind: schema["block"]
        for provider in plan["provider_schemas"].values()
        for kind, schema in provider.get("resource_schemas", {}).items()
    }
    return {
        change["address"]: _simplify(change["change"]["after"], schemas[change["type"]])
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
    }


def _simplify(values: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    simple: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        nested = block.get("block_types", {}).get(name)
        attribute = block.get("attributes", {}).get(name, {})
        made_by_provider = attribute.get("computed") and not attribute.get("optional")
        if value in (None, [], {}) or name == "id" or made_by_provider:
            if nested and value == [{}]:
                simple[name] = {}
            continue
        if nested:
            items = [_simplify(item, nested["block"]) for item in value]
            simple[name] = items[0] if len(items) == 1 else items
        elif name != "deletion_policy" or value.isupper():
            simple[name] = _readable(name, value)
    return simple


def _readable(name: str, value: Any) -> Any:
    if name in {"dashboard_json", "fields"}:
        value = _plain(json.loads(value))
    if name == "data":
        value = json.loads(base64.b64decode(value))
    if name == "fields":
        value["tables"] = "as in test_the_seeded_document_selects_everything"
    if name == "environment_variables":
        return {key: HASHES.sub("HASH", variable) for key, variable in value.items()}
    return HASHES.sub("HASH", value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """Convert Firestore's typed values to plain ones."""
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("mapValue", {"fields": fields})]:
            return _plain(fields)
        case [("integerValue", number)]:
            return int(number)
        case [("stringValue" | "booleanValue" | "doubleValue", plain)]:
            return plain
        case items:
            return {name: _plain(inner) for name, inner in items}


def _differences(plan: Plan, base: Plan) -> dict[str, Any]:
    return {
        "added": {address: plan[address] for address in sorted(plan.keys() - base.keys())},
        "changed": {
            address: {
                name: plan[address].get(name)
                for name in sorted(plan[address].keys() | base[address].keys())
                if plan[address].get(name) != base[address].get(name)
            }
            for address in sorted(plan.keys() & base.keys())
            if plan[address] != base[address]
        },
        "removed": sorted(base.keys() - plan.keys()),
    }


def _compare(name: str, found: Any) -> None:
    file = GOLDEN / f"{name}.json"
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    assert found == json.loads(file.read_text())


def test_the_plan_of_one_integration_is_the_golden_one() -> None:
    _compare("one_integration", read_plan("one_integration"))


@pytest.mark.parametrize("case", ["three_integrations", "encrypted", "trial", "audited", "key_through_terraform"])
def test_the_plan_of_a_case_differs_from_one_integration_as_in_its_golden_file(case: str) -> None:
    _compare(case, _differences(read_plan(case), read_plan("one_integration")))


def _changes(name: str) -> dict[str, list[str]]:
    """List the changes of a plan by action, without those that only come from a changed hash of the code."""
    changed: dict[str, list[str]] = {}
    for item in find_plan(name)["resource_changes"]:
        change = item["change"]
        before, after = (HASHES.sub("", json.dumps(change[side])) for side in ("before", "after"))
        if change["actions"] != ["no-op"] and before != after:
            changed.setdefault(" ".join(change["actions"]), []).append(item["address"])
    return changed


def test_the_second_plan_is_empty() -> None:
    assert _changes("second_plan") == {}


def test_terraform_keeps_edits_made_in_the_console() -> None:
    assert _changes("console_edits") == {}


def test_a_deleted_resource_is_created_again_and_no_other_resource_is_replaced() -> None:
    assert _changes("made_again") == {
        "delete create": [
            "google_monitoring_dashboard.runs",
            "google_pubsub_topic.dead_letter",
            "google_pubsub_topic.trigger",
        ]
    }


def test_a_new_integration_adds_its_own_resources_only() -> None:
    assert _changes("integration_added") == {
        "create": [
            'google_cloud_scheduler_job.retry["other"]',
            'google_cloud_scheduler_job.run["other"]',
            'google_firestore_document.integration["other"]',
            'google_monitoring_alert_policy.not_settled["other"]',
            'google_secret_manager_secret.api_key["other"]',
            'google_secret_manager_secret_iam_member.runtime["other"]',
        ],
        "update": ["google_cloudfunctions2_function.extract"],  # one more instance
    }


def test_a_removed_integration_removes_its_own_resources_only() -> None:
    assert _changes("integration_removed") == {
        "delete": [
            'google_cloud_scheduler_job.retry["acme"]',
            'google_cloud_scheduler_job.run["acme"]',
            'google_firestore_document.integration["acme"]',
            'google_monitoring_alert_policy.not_settled["acme"]',
            'google_secret_manager_secret.api_key["acme"]',
            'google_secret_manager_secret_iam_member.runtime["acme"]',
        ],
        "update": ["google_cloudfunctions2_function.extract"],
    }


def test_take_back_imports_only_what_an_earlier_destroy_left() -> None:
    changes = [item for item in find_plan("taken_back")["resource_changes"] if item["change"].get("importing")]
    database = "projects/demo-project/databases/kustomer"

    assert {item["address"].removeprefix("module.extract."): item["change"]["importing"]["id"] for item in changes} == {
        "google_bigquery_dataset.tables": "projects/demo-project/datasets/kustomer",
        "google_firestore_backup_schedule.daily[0]": f"{database}/backupSchedules/5f3a",
        "google_firestore_database.config": database,
        'google_firestore_document.integration["acme"]': f"{database}/documents/integrations/acme",
        "google_firestore_field.run_expiry": f"{database}/collectionGroups/runs/fields/expire_at",
        'google_secret_manager_secret.api_key["acme"]': "projects/demo-project/secrets/acme-kustomer-api-key",
    }
    assert {" ".join(item["change"]["actions"]) for item in changes} == {"no-op"}


def test_no_key_is_in_any_plan() -> None:
    messages = run_terraform_test()[1]

    assert find_plan("key_through_terraform")
    assert [line["@testrun"] for line in messages if "canary-of-an-api-key" in json.dumps(line)] == []


def _seeded_document(plan: str = "one_integration", name: str = "acme") -> Any:
    (change,) = (
        item
        for item in find_plan(plan)["resource_changes"]
        if item["type"] == "google_firestore_document" and item["address"].endswith(f'["{name}"]')
    )
    return _plain(json.loads(change["change"]["after"]["fields"]))


def test_the_seeded_document_has_a_boolean_for_every_column_to_two_levels() -> None:
    seeded = {table: settings["columns"] for table, settings in _seeded_document()["tables"].items()}

    assert seeded == {
        table.value: {
            field.name: {inner.name: True for inner in field.fields} if field.fields else True
            for field in load_schema(table)
            if field.name not in ALWAYS_SELECTED
        }
        for table in Table
    }


def test_the_seeded_document_selects_everything() -> None:
    seeded = parse_integration("acme", _seeded_document(), now=NOW)

    assert seeded == build_integration()
    assert seeded.warnings == ()


def test_without_personal_data_the_seeded_document_selects_no_words_of_customers() -> None:
    seeded = parse_integration("acme_eu", _seeded_document("three_integrations", "acme_eu"), now=NOW)

    assert (seeded.personal_data, seeded.history_period) == (False, "24 months")
    for table in (Table.CONVERSATIONS, Table.SATISFACTION):
        columns = select(load_schema(table), seeded.tables[table].columns, personal_data=False)
        assert list_content(columns) <= {"attributes.custom"}
        assert columns == select(load_schema(table), {"attributes": {"custom": True}}, personal_data=False)


def test_the_code_reads_the_environment_of_the_function() -> None:
    environment = read_plan("one_integration")["google_cloudfunctions2_function.extract"]["service_config"][
        "environment_variables"
    ]

    assert parse_settings(environment) == Settings(
        project="demo-project",
        topic="projects/demo-project/topics/kustomer-trigger",
        database="kustomer",
        dataset="kustomer",
        staging_dataset="kustomer_staging",
        location="us-central1",
        soft_deadline_seconds=450,
        dashboard_url="https://console.cloud.google.com/monitoring/dashboards?project=demo-project",
    )


def _rights() -> str:
    """Write every grant of the case `everyone` as the table in infra/README.md."""
    rows: dict[tuple[str, str], set[str]] = {}
    for address, values in read_plan("everyone").items():
        if "_iam_" in address:
            role = f"`{values['role'].removeprefix('roles/')}`"
            rows.setdefault((role, _place(values)), set()).add(_who(address, values))
    agent = "Google's agent of "
    lines = sorted(
        f"| {', '.join(sorted(who)).replace(f', {agent}', ', ')} | {role} | {place} |"
        for (role, place), who in rows.items()
    )
    return "\n".join(["| Who | Role | On |", "| --- | --- | --- |", *lines])


def _place(values: dict[str, Any]) -> str:
    names = [("dataset_id", "dataset"), ("topic", "topic"), ("subscription", "subscription"), ("secret_id", "secret")]
    names += [("service_account_id", "account"), ("repository", "repository"), ("crypto_key_id", "key")]
    names += [("name", "service"), ("project", "project")]
    field, kind = next((field, kind) for field, kind in names if field in values)
    condition = values.get("condition", {}).get("title")
    if kind in {"key", "project"}:
        return f"the {kind}" + (f", {condition}" if condition else "")
    name = values[field].split("/")[-1]
    return f"{kind} `{_account(name) if kind == 'account' else name}`"


def _who(address: str, values: dict[str, Any]) -> str:
    if address.startswith("google_kms_crypto_key_iam_member.agents"):
        service = address.split('"')[1]
        return f"Google's agent of {service}"
    member = str(values["member"]).partition(":")[2]
    place = member.split("@")[1]
    if place.startswith("gcp-sa-"):
        return f"Google's agent of {place.removeprefix('gcp-sa-').split('.')[0]}"
    return _account(member)


def _account(email: str) -> str:
    return email.partition("@")[0].removeprefix("kustomer-")


def test_the_rights_are_exactly_those_of_the_readme() -> None:
    between = re.compile(r"(?<=<!-- rights -->\n\n).*(?=\n\n<!-- /rights -->)", re.DOTALL)
    if WRITE:
        README.write_text(between.sub(lambda _: _rights(), README.read_text()))
    (written,) = between.findall(README.read_text())

    assert written == _rights()


def test_no_right_is_basic_or_for_everybody() -> None:
    plan = read_plan("everyone")
    basic = {"roles/owner", "roles/editor", "roles/viewer", "roles/browser"}

    assert [address for address, values in plan.items() if values.get("role") in basic] == []
    assert [address for address, values in plan.items() if str(values.get("member")).startswith("all")] == []
    assert [address for address in plan if "service_account_key" in address] == []
