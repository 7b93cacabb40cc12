"""The commands of infra/README.md name resources that exist in infra/."""

from __future__ import annotations

import re
from pathlib import Path

INFRA = Path(__file__).parents[2] / "infra"
README = (INFRA / "README.md").read_text()
WRITTEN = "\n".join(path.read_text() for path in sorted(INFRA.glob("*.tf")))


def test_every_address_in_a_command_is_one_of_a_resource() -> None:
    resources = {".".join(found) for found in re.findall(r'^resource "(\w+)" "(\w+)"', WRITTEN, re.MULTILINE)}
    named = set(re.findall(r"module\.extract\.(google_\w+\.\w+)", README))

    assert {"google_artifact_registry_repository.images", "google_cloudfunctions2_function.extract"} <= named
    assert named - resources == set()


def test_every_import_of_a_repeated_resource_has_its_key() -> None:
    several = re.findall(r'^resource "(\w+)" "(\w+)" {\n  (?:count|for_each) ', WRITTEN, re.MULTILINE)
    imported = re.findall(r"^terraform import '?module\.extract\.([^ ']+)'? \S+", README, re.MULTILINE)

    assert len(imported) > 10
    assert {address for address in imported if "[" in address} == {
        address for address in imported if tuple(address.partition("[")[0].split(".")) in several
    }


def test_the_deployer_may_grant_exactly_the_roles_on_the_project() -> None:
    blocks = re.findall(r'^resource "google_project_iam_member" "\w+" {\n(.*?)^}$', WRITTEN, re.MULTILINE | re.DOTALL)
    granted = {role for block in blocks for role in re.findall(r'^  role += "(.*)"$', block, re.MULTILINE)}
    (condition,) = re.findall(r"hasOnly\(\[(.*?)\]\)", README, re.DOTALL)

    assert set(re.findall(r"'(.*?)'", condition)) == granted


def test_the_deployer_may_create_saved_queries() -> None:
    """Only this role of the list has `logging.queries.*`."""
    deployer = README.partition("### Roles of the deployer")[2]

    assert "google_logging_saved_query" in WRITTEN
    assert "`logging.admin`" in deployer
