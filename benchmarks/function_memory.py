"""Peak memory and CPU of the function's own process, whatever the size of the organisation.

Usage: ``python -m benchmarks.function_memory [CONVERSATIONS …]``. The default is 20,000 and 300,000.
``--plans`` measures the peak with the limits of Kustomer's plans instead, with responses after 0.5 to 1.5 s: more
requests in flight mean more pages in memory. infra/README.md has the result.
Linux only, because the peak of another process is in /proc. The function runs under functions-framework as in the cloud
(tests/system), in as many hops as needed. The stand-ins for Kustomer and Google run in this process. They share one
Python interpreter, so the wall time has no meaning. The CPU of a row is compared with the floor `gzip`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.cases import Comparison
from benchmarks.extraction import check_target, describe_machine, run_program
from benchmarks.programs import read_peak_mb
from tests.standins.kustomer.limits import RateLimit
from tests.system.installation import Installation
from tests.system.launching import launch

_MAX_MB = 200
_MAX_CPU = 1.5
_MAX_SECONDS = 1.5
_PLANS = {(300, 1.0): 6_000, (1_000, 0.6): 40_000, (1_000, 1.0): 40_000, (2_000, 0.6): 60_000, (2_000, 1.0): 60_000}
"""Requests a minute and `rate_share` → a number of conversations that needs a while at that rate."""
_CASES = {20_000: 60, 300_000: 450}  # conversations → soft deadline in seconds


def measure(conversations: int) -> None:
    """Extract one organisation with the function. Print time, memory and CPU."""
    settings = {"SOFT_DEADLINE_SECONDS": str(_CASES.get(conversations, 60))}
    floor = run_program(Comparison(conversations=conversations), "gzip")
    sandbox = {"conversations": conversations, "limit": RateLimit(requests=1_000_000), "search_limit": None}
    with Installation(sandbox=sandbox, settings=settings, launch=launch) as installation:
        installation.configure(rate_share=1.0)
        group = installation.function.process.pid
        start_mb, cpu_before = _read_peak_mb(group), _read_cpu_seconds(group)
        asked_at = time.monotonic()
        hops = len(installation.run())
        first_seconds = installation.function.open_seconds + installation.kustomer.requests[0].at - asked_at
        peak_mb, cpu_seconds = _read_peak_mb(group), _read_cpu_seconds(group) - cpu_before
        rows = {job["table_name"]: job["rows"] for job in installation.read_jobs()}
    assert rows == {"conversations": conversations, "satisfaction": 12}, rows
    cpu_per_row = cpu_seconds / sum(rows.values()) * 1e6
    ratio = cpu_per_row / floor.cpu_per_row
    print(
        f"\n{conversations:,} conversations, {hops} hops: peak {peak_mb:.0f} MB "
        f"({start_mb:.0f} before the first message), "
        f"CPU {cpu_per_row:.0f} µs a row, {floor.cpu_per_row:.0f} for the floor"
    )
    target = f"process start to first request ≤ {_MAX_SECONDS} s"
    check_target(target, first_seconds, met=first_seconds <= _MAX_SECONDS)
    check_target(f"peak ≤ {_MAX_MB} MB", peak_mb, met=peak_mb <= _MAX_MB)
    check_target(f"CPU ≤ {_MAX_CPU} x floor", ratio, met=ratio <= _MAX_CPU)


def measure_plan(requests: int, rate_share: float, conversations: int) -> None:
    """Extract one organisation with the limit of a plan. Print the peak."""
    limit = RateLimit(requests=requests)
    sandbox = {"conversations": conversations, "limit": limit, "latency_seconds": 0.5, "jitter_seconds": 1.0}
    with Installation(sandbox=sandbox, settings={"SOFT_DEADLINE_SECONDS": "450"}, launch=launch) as installation:
        installation.configure(rate_share=rate_share)
        installation.run()
        peak_mb = _read_peak_mb(installation.function.process.pid)
        statuses = {job["status"] for job in installation.read_jobs()}
    assert statuses == {"SUCCEEDED"}, statuses
    print(f"{requests:,} requests a minute, rate_share {rate_share}: peak {peak_mb:.0f} MB")


def _read_peak_mb(group: int) -> float:
    """Add up the peaks of gunicorn's master and its worker. Shared memory counts twice."""
    return sum(read_peak_mb(process_id) for process_id in _find_processes(group))


def _read_cpu_seconds(group: int) -> float:
    """Add up the user and system time so far."""
    ticks = sum(sum(map(int, _read_stat(process_id)[11:13])) for process_id in _find_processes(group))
    return ticks / os.sysconf("SC_CLK_TCK")


def _find_processes(group: int) -> list[str]:
    processes = [folder.name for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    return [process_id for process_id in processes if _read_stat(process_id)[2:3] == [str(group)]]


def _read_stat(process_id: str) -> list[str]:
    """Read the fields after the name; see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (2026-11-23)."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # the process has ended
        return []


if __name__ == "__main__":
    print(describe_machine())
    if sys.argv[1:] == ["--plans"]:
        for (requests, rate_share), conversations in _PLANS.items():
            measure_plan(requests, rate_share, conversations)
    else:
        for size in sys.argv[1:] or _CASES:
            measure(int(size))
