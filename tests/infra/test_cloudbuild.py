"""The steps of cloudbuild.yaml, run with stand-ins for programs."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS = {step["id"]: step for step in BUILD["steps"]}
GIVEN = {"_NAME": "kustomer-eu", "_STATE_BUCKET": "states", "PROJECT_ID": "p"}


def run_step(name: str, directory: Path, substitutions: dict[str, str], **programs: str) -> tuple[int, str]:
    """Run a step's shell script with stand-ins for programs; return its exit code and its stderr."""
    (script,) = STEPS[name]["args"][1:]
    for substitution, value in substitutions.items():
        script = script.replace(f"${substitution}", value)
    for program, body in programs.items():
        (directory / program).write_text(f"#!/bin/sh\n{body}\n")
        (directory / program).chmod(0o755)
    done = subprocess.run(
        [STEPS[name]["entrypoint"], "-c", script.replace("$$", "$")],
        cwd=directory,
        env={"PATH": f"{directory}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_steps_are_in_this_order() -> None:
    assert list(STEPS) == [
        "settings",
        "terraform",
        "test",
        "lint",
        "infra-check",
        "backend",
        "plan",
        "apply",
        "smoke",
    ]


def test_every_make_target_exists() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    used = {step["args"][0] for step in BUILD["steps"] if step.get("entrypoint") == "make"}

    assert used == {"test", "lint", "infra-check"}
    assert used - set(targets) == set()


def test_apply_runs_only_if_asked_for() -> None:
    guarded = [step["id"] for step in BUILD["steps"] if 'if [ "$_APPLY" = true ]' in str(step["args"][-1])]

    assert guarded == ["apply", "smoke"]
    assert BUILD["substitutions"]["_APPLY"] == "false"


# Lists the bucket, in which there is no state without a prefix.
LIST_BUCKET = """case $3 in gs://states) ;; *) echo "no such URL: $3" >&2; exit 1;; esac"""


def test_complete_settings_pass(tmp_path: Path) -> None:
    assert run_step("settings", tmp_path, GIVEN, gcloud=LIST_BUCKET) == (0, "")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"_NAME": ""}, "Set _NAME to the deployment's name"),
        ({"_NAME": "Kustomer EU"}, "Set _NAME to the deployment's name"),
        ({"_STATE_BUCKET": ""}, "Set _STATE_BUCKET to the name of the bucket"),
        ({"_STATE_BUCKET": "stats"}, "The bucket stats for the state does not exist"),
    ],
)
def test_a_wrong_setting_fails_the_first_step_with_a_message(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    exit_code, said = run_step("settings", tmp_path, GIVEN | changed, gcloud=LIST_BUCKET)

    assert exit_code == 1
    assert said.splitlines()[-1].startswith(message)


def test_the_first_step_stops_if_there_is_a_state_without_a_prefix(tmp_path: Path) -> None:
    exit_code, said = run_step("settings", tmp_path, GIVEN, gcloud="exit 0")

    assert exit_code == 1
    assert said.splitlines()[-1] == (
        "gcloud storage mv gs://states/default.tfstate gs://states/p/kustomer-eu/default.tfstate"
    )


def test_one_setting_names_the_state_and_the_resources(tmp_path: Path) -> None:
    done = run_step("backend", tmp_path, GIVEN, terraform='echo "$@" > init')

    assert done == (0, "")
    assert (tmp_path / "init").read_text().split()[1:] == [
        "-reconfigure",
        "-backend-config=bucket=states",
        "-backend-config=prefix=p/kustomer-eu",
    ]
    assert "-var=name=$_NAME" in STEPS["plan"]["args"]


@pytest.mark.parametrize(("settings", "exit_code"), [([], 0), (["CI=true"], 2)])
def test_without_checkov_a_build_fails_and_a_person_gets_a_message(
    tmp_path: Path, settings: list[str], exit_code: int
) -> None:
    done = subprocess.run(
        ["make", "infra-check-policies", "PYTHON=false", f"CHECKOV_VENV={tmp_path}/none", *settings],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "checkov could not be installed" in done.stdout) == (exit_code, True)
    assert "CI=true" in BUILD["options"]["env"]


def test_every_substitution_is_used() -> None:
    used = set(re.findall(r"\$(_[A-Z_]+)", str(BUILD["steps"])))

    assert used == BUILD["substitutions"].keys()
