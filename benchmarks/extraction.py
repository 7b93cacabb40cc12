"""Whole extractions, compared with floors: wall time, CPU, memory, requests, and how much of a rate limit is reached.

Usage: ``python -m benchmarks.extraction [--quick] [--case NAME …]``: about five minutes, or one with ``--quick``.

In a comparison all programs (programs.py) run the same case (cases.py), one after the other, for several rounds.
Ratios are computed within a round, so that a busy machine slows both sides. The sandbox runs in this process, each
program in its own. A program that does not copy every row ends the benchmark.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.cases import COMPARISONS, QUICK, RATE_LIMITED, Case, Comparison, RateLimited
from benchmarks.programs import PROGRAMS, Measurement, Task
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROOT = Path(__file__).parents[1]
_LIMITED = 429
_STAGGER_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one program in one case.

    Attributes:
        requests: The number of requests that the sandbox counted.
        refused: The number of requests answered with 429.
        span_seconds: From the first request to the last.
    """

    run: Measurement
    requests: int
    refused: int
    span_seconds: float

    @property
    def cpu_per_row(self) -> float:
        """CPU time of a row in microseconds."""
        return self.run.cpu_seconds / self.run.rows * 1e6


def run_program(case: Case, program: str) -> Result:
    """Run one program with a new sandbox."""
    is_ours = program == "ours"
    with Sandbox(
        conversations=case.conversations,
        surveys=case.surveys,
        latency_seconds=case.latency_seconds,
        limit=case.limit,
        faults=case.faults if is_ours else (),
    ) as sandbox:
        threads = case.threads if isinstance(case, Comparison) else 1
        task = Task(url=sandbox.url, key=sandbox.key, rows=case.rows, threads=threads)
        command = [sys.executable, "-m", "benchmarks.programs", program, json.dumps(asdict(task))]
        environment = {**os.environ, "PYTHONPATH": "functions"}
        output = subprocess.run(command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
        asked = sandbox.requests
    return Result(
        run=Measurement(**json.loads(output)),
        requests=len(asked),
        refused=sum(request.status == _LIMITED for request in asked),
        span_seconds=asked[-1].at - asked[0].at,
    )


def run_comparison(name: str, case: Comparison, *, rounds: int) -> None:
    """Compare all programs. Print a line for each, and whether the targets are met."""
    results: dict[str, list[Result]] = {program: [] for program in PROGRAMS}
    for _ in range(rounds):
        for program, done in results.items():
            done.append(run_program(case, program))
    faults = f", {sum(fault.probability for fault in case.faults):.0%} faults" if case.faults else ""
    print(
        f"\n{name}: {case.conversations:,} conversations, {case.surveys} surveys, {case.latency_seconds * 1000:.0f} ms"
        f"{faults}; {rounds} rounds; floors with {case.threads} threads\n"
        f"{'':8}{'seconds':>8}{'x floor into DuckDB':>23}{'CPU µs a row':>14}"
        f"{'x floor':>9}{'peak MB':>9}{'requests':>10}"
        f"{'more than pages':>17}"
    )
    for program, done in results.items():
        walls = _compare(done, results["duckdb"], lambda result: result.run.seconds)
        print(
            f"{program:8}{median(result.run.seconds for result in done):8.2f}"
            f"{median(walls):9.2f} ({min(walls):.2f} to {max(walls):.2f})"
            f"{median(result.cpu_per_row for result in done):14.0f}"
            f"{median(_compare(done, results['gzip'], lambda result: result.run.cpu_seconds)):9.2f}"
            f"{median(result.run.peak_mb for result in done):9.0f}"
            f"{median(result.requests for result in done):10.0f}"
            f"{median(result.requests - case.pages for result in done):17.0f}",
            flush=True,
        )
    if case.max_wall_ratio is not None:
        check_target(
            f"wall ≤ {case.max_wall_ratio} x floor into DuckDB",
            median(walls),
            met=median(walls) <= case.max_wall_ratio,
        )
        ahead = max(_compare(results["ours"], results["script"], lambda result: result.run.seconds))
        check_target("ahead of the script in every round: the worst is x script", ahead, met=ahead < 1)
    if case.max_extra_mb is not None:
        extra = median(result.run.peak_mb for result in results["ours"]) - median(
            result.run.peak_mb for result in results["duckdb"]
        )
        check_target(f"peak ≤ that floor's + {case.max_extra_mb} MB", extra, met=extra <= case.max_extra_mb)


def _compare(results: Sequence[Result], base: Sequence[Result], measure: Callable[[Result], float]) -> list[float]:
    return [measure(result) / measure(floor) for result, floor in zip(results, base, strict=True)]


def run_paced(cases: dict[str, RateLimited]) -> None:
    """Run the cases that mostly wait at the same time, the others alone. Print a line for each."""
    waiting = [name for name, case in cases.items() if case.per_second < 1]
    with ThreadPoolExecutor() as threads:
        begun = [
            threads.submit(_run_later, cases[name], place * _STAGGER_SECONDS) for place, name in enumerate(waiting)
        ]
        results = {name: result.result() for name, result in zip(waiting, begun, strict=True)}
    results |= {name: run_program(case, "ours") for name, case in cases.items() if name not in results}
    print(
        f"\nlimits{'':19}{'seconds':>8}{'earliest':>10}{'later':>7}"
        f"{'share reached':>15}{'requests':>10}{'more than pages':>17}"
        f"{'429s':>6}"
    )
    for name, case in cases.items():
        result = results[name]
        late = result.run.seconds - case.earliest_seconds
        share = (result.requests - result.refused - 1) / result.span_seconds / case.per_second
        print(
            f"{name:25}{result.run.seconds:8.1f}{case.earliest_seconds:10.0f}{late:7.1f}{share:15.3f}{result.requests:10}"
            f"{result.requests - case.pages:17}{result.refused:6}"
        )
        if case.max_late_seconds is not None:
            target = f"at most {case.max_late_seconds} s after the earliest end"
            check_target(target, late, met=late <= case.max_late_seconds)
        if case.min_share is not None:
            check_target(f"share ≥ {case.min_share}", share, met=share >= case.min_share)


def _run_later(case: RateLimited, seconds: float) -> Result:
    """Start a little later than the others, so that they do not load into DuckDB at the same time."""
    time.sleep(seconds)
    return run_program(case, "ours")


def check_target(target: str, value: float, *, met: bool) -> None:
    """Print whether a target is met."""
    print(f"  {'met' if met else 'MISSED'}: {target}: {value:.2f}", flush=True)


def describe_machine() -> str:
    """Describe the machine and its load."""
    models = [line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.processor()
    load = f"load {os.getloadavg()[0]:.1f}"
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {model}, {platform.system()}; {now}, {load}"


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def main() -> None:
    """Read the options and run the cases."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="takes a minute: one round, and no case of 60 s")
    parser.add_argument(
        "--case", action="append", choices=[*COMPARISONS, *RATE_LIMITED], help="only this case; may be repeated"
    )
    options = parser.parse_args()
    wanted = options.case or (QUICK if options.quick else [*COMPARISONS, *RATE_LIMITED])
    print(describe_machine())
    for name, case in COMPARISONS.items():
        if name in wanted:
            run_comparison(name, case, rounds=1 if options.quick else case.rounds)
    paced = {name: case for name, case in RATE_LIMITED.items() if name in wanted}
    if paced:
        run_paced(paced)


if __name__ == "__main__":
    main()
