"""The command line of the sandbox, and its README."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from kustomer_extract.cli import main
from tests.contract.kustomer.asking import CONVERSATIONS, KEY
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.options import build_sandbox
from tests.standins.kustomer.paging import Paging
from tests.standins.kustomer.people import AGENTS, MEMBERS, TAGS, TEAMS
from tests.standins.kustomer.search import Search
from tests.standins.kustomer.server import Sandbox

ROOT = Path(__file__).parents[3]


class TestCommandLine:
    def test_options(self) -> None:
        sandbox = build_sandbox(
            [
                *("--conversations", "7", "--surveys", "2", "--seed", "3", "--unknown-every", "2", "--key", "k"),
                *("--port", "0", "--latency-seconds", "0.5", "--jitter-seconds", "0.1", "--compress", "--expired"),
                *("--missing-role", "conversations", "--missing-role", "satisfaction=403"),
                *("--clock-offset-seconds", "86400"),
                *("--limit-requests", "300", "--limit-window", "sliding", "--limit-reset", "none"),
                *("--limit-others-per-second", "0.5", "--paging-cap", "100", "--paging-beyond", "refused"),
                *("--hide-every", "9", "--burst", "3", "--sparse", "--capped", "empty", "--search-late-seconds", "5"),
                *("--search-limit-requests", "100", "--search-wide-rows", "900", "--search-not-set-refused"),
                *("--paging-promises-more", "--fault", "reset-before:table=conversations,page=3,times=1"),
                *("--fault", "status-503:probability=0.05,after=1,attempt=2", "--fault", "dies"),
                *("--fault", "one-fewer:page=middle,fewer=3,lasts_seconds=2"),
            ]
        )

        expected = Sandbox(
            conversations=7,
            surveys=2,
            seed=3,
            unknown_every=2,
            key="k",
            latency_seconds=0.5,
            jitter_seconds=0.1,
            compress=True,
            expired=True,
            missing_roles={"conversations": 401, "satisfaction": 403},
            hide_every=9,
            burst=3,
            sparse=True,
            limit=RateLimit(requests=300, window="sliding", reset=None, others_per_second=0.5),
            search_limit=RateLimit(requests=100),
            search=Search(late_seconds=5, wide_rows=900, not_set_refused=True),
            paging=Paging(table="conversations", cap=100, beyond="refused", promises_more=True),
            faults=[
                Fault(cut="before", table="conversations", page=3, times=1),
                Fault(status=503, probability=0.05, after=1, attempt=2),
                Fault(dies=True),
                Fault(fewer=3, page="middle", lasts_seconds=2.0),
            ],
        )
        ours = {"clock", "organisation", "limits", "search_limits"}
        names = [field.name for field in fields(Sandbox) if field.name not in ours]
        assert [getattr(sandbox, name) for name in names] == [getattr(expected, name) for name in names]
        assert sandbox.clock() - time.time() == pytest.approx(86_400, abs=5)

    def test_all_defaults(self) -> None:
        sandbox = build_sandbox([])

        assert (sandbox.limit, sandbox.paging, sandbox.search, sandbox.faults) == (None, Paging(), Search(), [])

    def test_help_lists_every_fault_and_every_field(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            build_sandbox(["--help"])

        said = capsys.readouterr().out
        assert [name for name in CATALOGUE if name not in said] == []
        assert [word for word in ("page=first", "times=1", "after=N", "lasts_seconds=S") if word not in said] == []

    @pytest.mark.parametrize("fault", ["no-such", "dies:colour=red", "dies:page=x"])
    def test_a_misspelt_fault_is_an_error(self, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_:
            build_sandbox(["--fault", fault])

        assert exit_.value.code == 2
        assert "see the end of --help" in capsys.readouterr().err

    def test_it_prints_its_address_and_serves_until_interrupted(self) -> None:
        command = [sys.executable, "-m", "tests.standins.kustomer", "--conversations", "3"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            address, key = (process.stdout.readline() for _ in range(2))
            said = re.fullmatch(r"export KUSTOMER_API_URL=http://(127\.0\.0\.1:\d+)\n", address)
            if said:
                connection = http.client.HTTPConnection(said[1], timeout=5)
                connection.request("GET", CONVERSATIONS, headers=KEY)
                assert len(json.loads(connection.getresponse().read())["data"]) == 3
                connection.close()
            process.send_signal(signal.SIGINT)

            try:
                rest, _ = process.communicate(timeout=60)
            finally:  # background jobs of a shell, and their children, ignore the signal
                process.kill()
            assert (bool(said), key) == (True, "export KUSTOMER_API_KEY=sandbox-key\n")
            assert (rest, process.returncode) == ("{200: 1}\n", 0)

    def test_an_error_about_a_port_in_use_is_a_sentence(self) -> None:
        with Sandbox() as sandbox:
            command = [sys.executable, "-m", "tests.standins.kustomer", "--port", str(sandbox.port)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

            said = f"Port {sandbox.port} cannot be used: Address already in use. Choose another one with --port.\n"
            assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_the_steps_in_the_readme_for_a_real_organisation_work_with_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = (ROOT / "README.md").read_text(encoding="utf-8").partition("With a real organisation:")[2].split("```")[1]
    commands = [shlex.split(line, comments=True) for line in steps.splitlines()]
    typed = [command[1:] for command in commands if command[:1] == ["kustomer-extract"]]
    answers = {"init": ["--org", "acme"]}  # what a person answers

    with Sandbox(conversations=120, limit=RateLimit(requests=100_000)) as sandbox:
        environment = {"KUSTOMER_API_URL": sandbox.url, "KUSTOMER_API_KEY": sandbox.key}
        statuses = [main([*it, *answers.get(it[0], [])], environment=environment) for it in typed]

    assert [command[0] for command in typed] == ["init", "run", "jobs"]
    assert statuses == [0, 0, 0]


def test_the_readme_has_every_name_of_the_data() -> None:
    readme = (ROOT / "tests/standins/kustomer/README.md").read_text(encoding="utf-8")

    rows = [f"| {TEAMS[team]} | {', '.join(AGENTS[agent] for agent in agents)}" for team, agents in MEMBERS.items()]
    assert [row for row in rows if row not in readme] == []
    assert ", ".join(TAGS.values()) in readme


def test_the_readme_names_every_option_and_fault() -> None:
    readme = (ROOT / "tests/standins/kustomer/README.md").read_text(encoding="utf-8")
    made = {"requests", "organisation", "limits", "search_limits"}

    kinds = (Sandbox, RateLimit, Paging, Search, Fault)
    names = {field.name for kind in kinds for field in fields(kind)} - made | set(CATALOGUE)
    assert {name for name in names if f"`{name}" not in readme} == set()
