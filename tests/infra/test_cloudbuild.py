"""cloudbuild.yaml is a list of commands that a person can run, too."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())


def test_the_steps_are_in_this_order() -> None:
    assert [step["id"] for step in BUILD["steps"]] == [
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


def test_nothing_is_applied_unless_asked_for() -> None:
    guarded = [step["id"] for step in BUILD["steps"] if 'if [ "$_APPLY" = true ]' in str(step["args"][-1])]

    assert guarded == ["apply", "smoke"]
    assert BUILD["substitutions"]["_APPLY"] == "false"


def test_every_substitution_is_used() -> None:
    used = set(re.findall(r"\$(_[A-Z_]+)", str(BUILD["steps"])))

    assert used == BUILD["substitutions"].keys()
