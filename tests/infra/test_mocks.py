"""The mocked providers return values that the real providers accept.

`terraform test` needs the real providers, even with mocks. They validate every known value, and refuse a member, an
e-mail address or an id that Terraform made up. These tests need no providers.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WRITTEN = "\n".join(path.read_text() for path in sorted((HERE.parents[1] / "infra").glob("*.tf")))
ANSWERED = sorted((HERE / "mocks").glob("*/*.tfmock.hcl"))

# The form of each attribute, of one type of resource or of any type.
ACCOUNT = r"[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com"
SHAPES = {
    "email": ACCOUNT,
    "member": f"serviceAccount:{ACCOUNT}",
    "uri": r"https://[a-z0-9.-]+\.run\.app",
    "google_artifact_registry_repository.id": r"projects/[a-z0-9-]+/locations/[a-z0-9-]+/repositories/[a-z0-9-]+",
    "google_artifact_registry_repository.name": r"[a-z0-9-]+",
    "google_cloudfunctions2_function.id": r"projects/[a-z0-9-]+/locations/[a-z0-9-]+/functions/[a-z0-9-]+",
    "google_monitoring_dashboard.id": r"projects/[0-9]+/dashboards/[a-z0-9-]+",
    "google_monitoring_notification_channel.id": r"projects/[a-z0-9-]+/notificationChannels/[0-9]+",
    "google_project_service.id": r"[a-z0-9-]+/[a-z]+\.googleapis\.com",
    "google_pubsub_subscription.id": r"projects/[a-z0-9-]+/subscriptions/[a-z0-9-]+",
    "google_secret_manager_secret.id": r"projects/[a-z0-9-]+/secrets/[a-z0-9_-]+",
    "google_service_account.id": f"projects/[a-z0-9-]+/serviceAccounts/{ACCOUNT}",
    "google_service_account.name": f"projects/[a-z0-9-]+/serviceAccounts/{ACCOUNT}",
}

RESOURCE = r"(?:data\.)?(google_\w+)\.(\w+)"
# By the name of a variable, `each.value` or a resource itself: `x.attribute`, `x["key"].attribute`, `x[0].uri`.
READ = r"{}(?:\[[^\]\n]*\])*\.(\w+)(?:\[[^\]\n]*\]\.(\w+))?"


def find_given() -> dict[tuple[str, str], set[str]]:
    """Find the arguments of each resource in infra/, by its type and name."""
    blocks = re.findall(r'^(?:resource|data) "(\w+)" "(\w+)" {\n(.*?)^}$', WRITTEN, re.MULTILINE | re.DOTALL)
    return {(kind, name): set(re.findall(r"^  (\w+) += ", body, re.MULTILINE)) for kind, name, body in blocks}


def find_read() -> set[tuple[str, str, str]]:
    """Find (type, name, attribute) of every attribute that infra/ reads from a resource, also in a loop."""
    found = {(kind, name, inner or read) for kind, name, read, inner in re.findall(READ.format(RESOURCE), WRITTEN)}
    loops = re.findall(rf"for (?:\w+, )?(\w+) in {RESOURCE} ?:(.*?)\n  ? ?[\]}}]", WRITTEN, re.DOTALL)
    for variable, kind, name, body in loops:
        found |= {(kind, name, read) for read, _ in re.findall(READ.format(rf"\b{variable}"), body)}
    for kind, name, body in re.findall(rf"for_each = {RESOURCE}\n(.*?)^}}$", WRITTEN, re.MULTILINE | re.DOTALL):
        found |= {(kind, name, read) for read, _ in re.findall(READ.format(r"each\.value"), body)}
    return found


def find_computed() -> set[str]:
    """Find `type.attribute` of every attribute that infra/ reads and that Google sets."""
    given = find_given()
    return {f"{kind}.{read}" for kind, name, read in find_read() if read not in given[kind, name]}


def read_answers(path: Path) -> list[tuple[str, str]]:
    """Read (type.attribute, value) of every attribute in a file of mocks."""
    blocks = re.findall(
        r'^(?:mock_resource|mock_data) "(\w+)" {\n(.*?)^}$|^override_resource {\n  target += (\w+)(.*?)^}$',
        path.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    return [
        (f"{kind or target}.{name}", value)
        for kind, defaults, target, values in blocks
        for name, value in re.findall(r'(\w+) += "(.*?)"', defaults or values)
    ]


def test_every_way_to_read_an_attribute_is_found() -> None:
    # One example of each way to read an attribute: it fails if a pattern above stops matching.
    assert {
        "google_artifact_registry_repository.id",
        "google_cloudfunctions2_function.uri",
        "google_monitoring_notification_channel.id",
        "google_project_service_identity.member",
        "google_secret_manager_secret.id",
        "google_service_account.member",
        "google_storage_project_service_account.member",
    } <= find_computed()
    assert "google_secret_manager_secret.secret_id" not in find_computed()


def test_the_applied_mocks_have_every_attribute_that_google_sets() -> None:
    answered = {name for path in ANSWERED if path.parent.name == "applied" for name, _ in read_answers(path)}

    assert find_computed() - answered == set()


@pytest.mark.parametrize("path", ANSWERED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_mocked_value_has_the_form_of_a_real_one(path: Path) -> None:
    answers = read_answers(path)
    shapes = {name: SHAPES.get(name) or SHAPES[name.split(".")[1]] for name, _ in answers}

    assert answers
    assert [(name, value) for name, value in answers if not re.fullmatch(shapes[name], value)] == []


def test_every_tftest_file_uses_these_mocks() -> None:
    written = [path.read_text() for path in sorted(HERE.glob("*.tftest.hcl"))]
    sources = [re.findall(r'mock_provider "google(?:-beta)?" {\n  source = "\./(.*?)"', text) for text in written]

    assert len(written) == 5
    assert all(len(found) == 2 and (HERE.parents[1] / found[0]).is_dir() for found in sources)
