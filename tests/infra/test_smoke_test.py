"""The smoke test's script, with stand-ins for gcloud, terraform and sleep on its path."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "smoke_test.sh"
DEPLOYMENT = {"project_id": "p", "topic": "kustomer-trigger", "function": "kustomer-extract", "integrations": ["acme"]}


def run_script(directory: Path, log: str) -> subprocess.CompletedProcess[str]:
    """Run the script where the log says `log`; the commands it gave lie in `directory`/calls."""
    (directory / "log").write_text(log)
    programs = {
        "terraform": f"echo '{json.dumps(DEPLOYMENT)}'",
        "gcloud": f'echo "$@" >> {directory}/calls; '
        f"case $1 in pubsub) echo 10563789123456;; *) cat {directory}/log;; esac",
        "sleep": "exit 0",
    }
    for name, body in programs.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    return subprocess.run([SCRIPT], env={"PATH": path}, capture_output=True, text=True, check=False)


def test_the_run_it_waits_for_is_the_one_it_started(tmp_path: Path) -> None:
    run_script(tmp_path, "run_finished|green||run finished green")

    published, read = (tmp_path / "calls").read_text().split("logging read ")
    assert published.startswith('pubsub topics publish kustomer-trigger --project=p --message={"integration": "acme"')
    assert 'labels.run_id=~"-89123456$"' in read


@pytest.mark.parametrize(
    "log",
    ["run_finished|green||run finished green", "run_skipped||paused|run skipped: paused", "run_skipped||deleted|"],
)
def test_it_passes_when_the_run_is_settled(tmp_path: Path, log: str) -> None:
    done = run_script(tmp_path, log)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, log)


@pytest.mark.parametrize(
    "log",
    [
        "run_finished|orange||run finished orange",
        "run_skipped||already_running|run skipped: already_running",
        "trigger_dropped||unknown_integration|trigger dropped",
    ],
)
def test_it_fails_when_the_run_is_not_settled(tmp_path: Path, log: str) -> None:
    done = run_script(tmp_path, log)

    assert (done.returncode, done.stderr.strip()) == (1, log)


def test_it_fails_when_no_run_ends(tmp_path: Path) -> None:
    done = run_script(tmp_path, "")

    assert (done.returncode, done.stderr) == (
        1,
        "no end within 30 minutes; terraform output links has the logs\n",
    )
