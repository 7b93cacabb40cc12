"""The command line in the cloud: the installed command, as a process, with a whole installation."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.standins.kustomer.limits import RateLimit
from tests.system.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with Installation(sandbox={"limit": RateLimit(requests=100_000)}) as installation:
        yield installation


def run_command(installation: Installation, *arguments: str) -> tuple[int, list[list[str]], str]:
    """Run a command. Return the exit code, the cells of standard output, and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "kustomer_extract", *arguments, "--project", installation.cloud.project],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "functions", **installation.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, [re.split(r" {2,}", line) for line in done.stdout.splitlines()], done.stderr


def test_all_commands_show_the_run_of_a_manual_trigger(installation: Installation) -> None:
    exit_code, output, _ = run_command(installation, "run", "acme")
    assert (exit_code, output[0][0].partition(";")[0]) == (0, "acme: a manual trigger was published")
    (message,) = iter(installation.pubsub.take, None)
    assert installation.run(message) == [200]

    exit_code, listed, _ = run_command(installation, "list")
    assert (exit_code, [(row[0], row[1], *row[3:]) for row in listed[1:]]) == (0, [("acme", "ACTIVE", "green", "262")])

    exit_code, checked, errors = run_command(installation, "check")
    assert (exit_code, errors) == (0, "")
    assert {row[1] for row in checked[1:]} == {"ok"}
    assert checked[-1] == ["published conversations", "ok", "250 rows"]

    exit_code, jobs, _ = run_command(installation, "jobs", "acme", "--json")
    history = json.loads("\n".join("  ".join(row) for row in jobs))
    assert (exit_code, [(job["table_name"], job["rows"], job["color"]) for job in history]) == (
        0, [("conversations", 250, "green"), ("satisfaction", 12, "green")],
    )  # fmt: skip

    exit_code, output, _ = run_command(installation, "rollback", "acme", "conversations", "--to", history[0]["run_id"])
    assert exit_code == 0
    assert output[0] == [f"demo-project.kustomer.acme_conversations has the 250 rows of {history[0]['run_id']} again"]
    assert "status: PAUSED" in output[1][0]


def test_an_unknown_integration_is_exit_code_2(installation: Installation) -> None:
    exit_code, output, errors = run_command(installation, "run", "amce")

    assert (exit_code, output) == (2, [])
    assert errors.startswith("kustomer-extract: no integration is called 'amce'; known: acme")
