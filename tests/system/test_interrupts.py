"""An interrupted, killed or failed run on a laptop: its messages, `jobs` and exit code are right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
from kustomer_extract.adapters.kustomer.source import ConnectKustomer, Runtime
from kustomer_extract.adapters.laptop.configuration import YamlConfigStore
from kustomer_extract.adapters.laptop.keys import EnvironmentSecretStore
from kustomer_extract.adapters.laptop.messages import QueuedContinuations
from kustomer_extract.adapters.laptop.runs import MemoryRunStore
from kustomer_extract.bootstrap import run_here
from kustomer_extract.cli.interrupts import Interrupts
from kustomer_extract.events import Waiting
from kustomer_extract.models import IntegrationName, JobStatus, Message, Table, Trigger
from kustomer_extract.ports import Ports
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox
from tests.standins.log import RecordedLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ACME = IntegrationName("acme")


@pytest.fixture(scope="module")
def slow() -> Iterator[Sandbox]:
    plan = RateLimit(requests=2000)
    with Sandbox(conversations=6000, surveys=3, latency_seconds=0.1, limit=plan) as sandbox:
        yield sandbox


def start(folder: Path, sandbox: Sandbox, *command: str, program: str | None = None) -> subprocess.Popen[str]:
    """Start the command, or a program with the same arguments."""
    (folder / "kustomer.yaml").write_text("integrations: {acme: {org: acme}}")
    environment = {
        **os.environ,
        "KUSTOMER_API_URL": sandbox.url,
        "KUSTOMER_API_KEY": sandbox.key,
        "PYTHONPATH": str(ROOT / "functions"),
    }
    return subprocess.Popen(
        [sys.executable, *(["-c", program] if program else ["-m", "kustomer_extract"]), *command],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def read_jobs(folder: Path, sandbox: Sandbox) -> list[dict[str, Any]]:
    process = start(folder, sandbox, "jobs", "--json")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    jobs: list[dict[str, Any]] = json.loads(out)
    return jobs


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}")


@pytest.mark.parametrize(
    ("words", "published"),
    [
        ("satisfaction: job", set()),
        ("satisfaction now has", {"satisfaction"}),
        ("conversations: job", {"satisfaction"}),
        ("rows staged from", None),
    ],
)
def test_ctrl_c_in_any_phase_is_130_and_prints_what_is_published(
    tmp_path: Path, slow: Sandbox, words: str, published: set[str] | None
) -> None:
    process = start(tmp_path, slow, "run")
    wait_for(process, words)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    jobs = {job["table_name"]: job for job in read_jobs(tmp_path, slow)}
    done = {table for table, job in jobs.items() if job["status"] == "SUCCEEDED"}
    assert process.returncode == 130
    assert "Traceback" not in err
    assert set(jobs) == {"satisfaction", "conversations"}
    assert jobs["conversations"]["error_code"] == "stopped"
    assert published is None or done >= published
    assert all(f"{table} is published" in err for table in done)


@pytest.mark.parametrize("milliseconds", [5, 20, 60, 150, 300])
def test_ctrl_c_at_once_is_130_without_a_traceback(tmp_path: Path, slow: Sandbox, milliseconds: int) -> None:
    """The time is counted from the first line of our code. Before that the interpreter handles the signal."""
    process = start(
        tmp_path, slow, "run", program="import kustomer_extract.__main__ as m; print(flush=True); exit(m.start())"
    )
    assert process.stdout is not None
    process.stdout.readline()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=milliseconds / 1000)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert (process.returncode, "Traceback" in err) == (130, False)


def test_ctrl_c_during_an_import_has_an_effect_at_its_end() -> None:
    """DuckDB's import is C++ that calls Python: an exception in there ends the process with a segmentation fault."""
    done = []

    def import_something(interrupts: Interrupts) -> None:
        with interrupts.hold():
            signal.raise_signal(signal.SIGINT)
            done.append("import")

    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        import_something(interrupts)

    assert (done, interrupts.seen) == (["import"], True)


def test_after_a_kill_the_next_run_starts_over_and_the_tables_are_complete(tmp_path: Path, slow: Sandbox) -> None:
    process = start(tmp_path, slow, "run")
    wait_for(process, "rows staged from")
    process.kill()
    process.communicate(timeout=30)

    again = start(tmp_path, slow, "run", "-q")
    out, err = again.communicate(timeout=120)

    assert (again.returncode, err) == (0, "")
    assert "6,000" in out


# --- outages, with a virtual clock


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Callable[..., Ports]]:
    warehouse = DuckDbWarehouse.open(tmp_path / "kustomer.duckdb")
    file = tmp_path / "kustomer.yaml"
    file.write_text("integrations: {acme: {org: acme}}")

    def connect(sandbox: Sandbox, max_outage_seconds: float = 600) -> Ports:
        clock = VirtualClock()
        return Ports(
            clock=clock,
            configs=YamlConfigStore(file, warehouse),
            continuations=QueuedContinuations(),
            log=RecordedLog(),
            open_source=ConnectKustomer(
                clock=clock,
                base_url=sandbox.url,
                seed=1,
                runtime=Runtime(max_outage_seconds=max_outage_seconds, key_cure="…"),
            ),
            runs=MemoryRunStore(),
            secrets=EnvironmentSecretStore({"KUSTOMER_API_KEY": sandbox.key}),
            warehouse=warehouse,
        )

    yield connect
    warehouse.close()


def run(ports: Ports) -> dict[Table, JobStatus]:
    message = Message(integration=ACME, trigger=Trigger.MANUAL, message_id="m1", published_at=ports.clock.now())
    outcome = run_here(message, ports)
    assert outcome.state is not None
    return {job.table: job.status for job in outcome.state.jobs}


def test_an_outage_of_minutes_is_waited_for_and_logged(laptop: Callable[..., Ports]) -> None:
    with Sandbox(conversations=450, surveys=3) as sandbox:
        ports = laptop(sandbox)
        began = ports.clock.now()
        sandbox.add_fault(Fault(table="conversations", page=3, status=503, times=18))

        statuses = run(ports)

    assert isinstance(ports.log, RecordedLog)
    said = [event.reason for _, event in ports.log.entries if isinstance(event, Waiting)]
    assert set(statuses.values()) == {JobStatus.SUCCEEDED}
    assert said == ["connection lost, trying again for 10 minutes"]
    assert ports.clock.now() - began > timedelta(minutes=3)


def test_an_outage_that_does_not_end_is_a_failed_job_with_a_remedy(laptop: Callable[..., Ports]) -> None:
    with Sandbox(conversations=450, surveys=3) as sandbox:
        ports = laptop(sandbox, max_outage_seconds=20)
        sandbox.add_fault(Fault(table="conversations", page=3, status=503))

        statuses = run(ports)

    jobs = {job.table: job for job in ports.warehouse.fetch_jobs(ACME, limit=5)}
    assert statuses == {Table.SATISFACTION: JobStatus.SUCCEEDED, Table.CONVERSATIONS: JobStatus.FAILED}
    assert jobs[Table.CONVERSATIONS].error_code == "retries_exhausted"
    assert "start a manual run" in str(jobs[Table.CONVERSATIONS].error)
