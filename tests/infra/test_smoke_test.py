"""infra/smoke_test.sh, with stand-ins for gcloud, terraform and sleep on its PATH."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "infra" / "smoke_test.sh"
DEPLOYMENT = {"project_id": "p", "topic": "kustomer-trigger", "function": "kustomer-extract", "integrations": ["acme"]}
KEY_COMMAND = 'printf %s "$KEY" | gcloud secrets versions add acme-kustomer-api-key --project=p --data-file=-'
OUTPUTS = {"deployment": {"value": DEPLOYMENT}, "key_commands": {"value": {"acme": KEY_COMMAND}}}


def run_script(directory: Path, log: str, *, list_keys: str = "echo 1") -> subprocess.CompletedProcess[str]:
    """Run the script with `log` as the content of the log; the file `directory`/calls records each call of gcloud."""
    (directory / "log").write_text(log)
    programs = {
        "terraform": f"cat <<'EOF'\n{json.dumps(OUTPUTS)}\nEOF",
        "gcloud": f'echo "$@" >> {directory}/calls; '
        f"case $1 in secrets) {list_keys};; pubsub) echo 10563789123456;; *) cat {directory}/log;; esac",
        "sleep": "exit 0",
    }
    for name, body in programs.items():
        program = directory / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    return subprocess.run([SCRIPT], env={"PATH": path}, capture_output=True, text=True, check=False)


def test_it_waits_for_the_run_that_it_started(tmp_path: Path) -> None:
    run_script(tmp_path, "run_finished|green||run finished green")

    before, read = (tmp_path / "calls").read_text().split("logging read ")
    listed, published = before.splitlines()
    assert listed.startswith("secrets versions list acme-kustomer-api-key --project=p ")
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


def test_without_a_key_it_starts_no_run_and_prints_the_command_that_adds_one(tmp_path: Path) -> None:
    done = run_script(tmp_path, "", list_keys="echo 'Listed 0 items.' >&2")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "there is no API key yet: run this command with the key in KEY, then run this script again",
        KEY_COMMAND,
    ]
    assert "pubsub" not in (tmp_path / "calls").read_text()


def test_without_the_right_to_list_keys_it_starts_the_run(tmp_path: Path) -> None:
    done = run_script(tmp_path, "run_finished|red||run finished red", list_keys="exit 1")

    assert (done.returncode, done.stderr) == (1, "run_finished|red||run finished red\n")


def test_it_fails_when_the_run_does_not_end(tmp_path: Path) -> None:
    done = run_script(tmp_path, "")

    assert (done.returncode, done.stderr) == (
        1,
        "the run did not end within 30 minutes: open the logs in terraform output links\n",
    )
