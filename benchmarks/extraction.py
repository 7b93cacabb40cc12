"""Whole extractions against floors: wall time, CPU, memory, requests, and how much of a limit is reached.

Usage: ``python -m benchmarks.extraction [--quick] [--case NAME …]``: about five minutes, or one with ``--quick``.

In a race all contenders (contenders.py) run the same course (courses.py), one after the other and round after round;
ratios are taken within a round, so that a busy machine slows both sides. The sandbox answers from this process, every
contender asks from its own. Whoever does not bring home every row ends the benchmark.
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

from benchmarks.contenders import CONTENDERS, Measurement, Task
from benchmarks.courses import PACED, QUICK, RACES, Course, Paced, Race
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROOT = Path(__file__).parents[1]
_LIMITED = 429
_STAGGER_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """One contender on one course.

    Attributes:
        requests: As the sandbox counted them.
        refused: Those answered with 429.
        span_seconds: From the first request to the last.
    """

    run: Measurement
    requests: int
    refused: int
    span_seconds: float

    @property
    def cpu_per_row(self) -> float:
        """Microseconds."""
        return self.run.cpu_seconds / self.run.rows * 1e6


def run_lap(course: Course, contender: str) -> Lap:
    """Open a new sandbox and send a contender there."""
    is_ours = contender == "ours"
    with Sandbox(
        conversations=course.conversations,
        surveys=course.surveys,
        latency_seconds=course.latency_seconds,
        limit=course.limit,
        faults=course.faults if is_ours else (),
    ) as sandbox:
        threads = course.threads if isinstance(course, Race) else 1
        task = Task(url=sandbox.url, key=sandbox.key, rows=course.rows, threads=threads)
        command = [sys.executable, "-m", "benchmarks.contenders", contender, json.dumps(asdict(task))]
        environment = {**os.environ, "PYTHONPATH": "functions"}
        output = subprocess.run(command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
        asked = sandbox.requests
    return Lap(
        run=Measurement(**json.loads(output)),
        requests=len(asked),
        refused=sum(request.status == _LIMITED for request in asked),
        span_seconds=asked[-1].at - asked[0].at,
    )


def run_race(name: str, race: Race, *, rounds: int) -> None:
    """Race, and print a line per contender and the bar."""
    laps: dict[str, list[Lap]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender, done in laps.items():
            done.append(run_lap(race, contender))
    faults = f", {sum(fault.probability for fault in race.faults):.0%} faults" if race.faults else ""
    print(
        f"\n{name}: {race.conversations:,} conversations, {race.surveys} surveys, {race.latency_seconds * 1000:.0f} ms"
        f"{faults}; {rounds} rounds; floors with {race.threads} threads\n"
        f"{'':8}{'seconds':>8}{'x floor into DuckDB':>23}{'CPU µs a row':>14}"
        f"{'x floor':>9}{'peak MB':>9}{'requests':>10}"
        f"{'more than pages':>17}"
    )
    for contender, done in laps.items():
        walls = _compare(done, laps["duckdb"], lambda lap: lap.run.seconds)
        print(
            f"{contender:8}{median(lap.run.seconds for lap in done):8.2f}"
            f"{median(walls):9.2f} ({min(walls):.2f} to {max(walls):.2f})"
            f"{median(lap.cpu_per_row for lap in done):14.0f}"
            f"{median(_compare(done, laps['gzip'], lambda lap: lap.run.cpu_seconds)):9.2f}"
            f"{median(lap.run.peak_mb for lap in done):9.0f}"
            f"{median(lap.requests for lap in done):10.0f}{median(lap.requests - race.pages for lap in done):17.0f}",
            flush=True,
        )
    if race.most_wall is not None:
        judge(f"wall ≤ {race.most_wall} x floor into DuckDB", median(walls), met=median(walls) <= race.most_wall)
        ahead = max(_compare(laps["ours"], laps["script"], lambda lap: lap.run.seconds))
        judge("ahead of the script in every round: the worst is x script", ahead, met=ahead < 1)
    if race.most_extra_mb is not None:
        extra = median(lap.run.peak_mb for lap in laps["ours"]) - median(lap.run.peak_mb for lap in laps["duckdb"])
        judge(f"peak ≤ that floor's + {race.most_extra_mb} MB", extra, met=extra <= race.most_extra_mb)


def _compare(laps: Sequence[Lap], base: Sequence[Lap], measure: Callable[[Lap], float]) -> list[float]:
    return [measure(lap) / measure(floor) for lap, floor in zip(laps, base, strict=True)]


def run_paced(courses: dict[str, Paced]) -> None:
    """Run what mostly waits at the same time, all else alone, and print a line each."""
    waiting = [name for name, course in courses.items() if course.per_second < 1]
    with ThreadPoolExecutor() as threads:
        begun = [
            threads.submit(_run_later, courses[name], place * _STAGGER_SECONDS) for place, name in enumerate(waiting)
        ]
        laps = {name: lap.result() for name, lap in zip(waiting, begun, strict=True)}
    laps |= {name: run_lap(course, "ours") for name, course in courses.items() if name not in laps}
    print(
        f"\nlimits{'':19}{'seconds':>8}{'earliest':>10}{'later':>7}"
        f"{'share reached':>15}{'requests':>10}{'more than pages':>17}"
        f"{'429s':>6}"
    )
    for name, course in courses.items():
        lap = laps[name]
        late = lap.run.seconds - course.earliest_seconds
        share = (lap.requests - lap.refused - 1) / lap.span_seconds / course.per_second
        print(
            f"{name:25}{lap.run.seconds:8.1f}{course.earliest_seconds:10.0f}{late:7.1f}{share:15.3f}{lap.requests:10}"
            f"{lap.requests - course.pages:17}{lap.refused:6}"
        )
        if course.most_late_seconds is not None:
            bar = f"at most {course.most_late_seconds} s after the earliest end"
            judge(bar, late, met=late <= course.most_late_seconds)
        if course.least_share is not None:
            judge(f"share ≥ {course.least_share}", share, met=share >= course.least_share)


def _run_later(course: Paced, seconds: float) -> Lap:
    """Begin a little later than the others, so as not to load into DuckDB at the same time."""
    time.sleep(seconds)
    return run_lap(course, "ours")


def judge(bar: str, value: float, *, met: bool) -> None:
    """Say whether a bar is met."""
    print(f"  {'met' if met else 'MISSED'}: {bar}: {value:.2f}", flush=True)


def describe_machine() -> str:
    """Say what the figures depend on."""
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
    parser.add_argument("--quick", action="store_true", help="a minute: one round, and no course of 60 s")
    parser.add_argument("--case", action="append", choices=[*RACES, *PACED], help="only this one; may be repeated")
    options = parser.parse_args()
    wanted = options.case or (QUICK if options.quick else [*RACES, *PACED])
    print(describe_machine())
    for name, race in RACES.items():
        if name in wanted:
            run_race(name, race, rounds=1 if options.quick else race.rounds)
    paced = {name: course for name, course in PACED.items() if name in wanted}
    if paced:
        run_paced(paced)


if __name__ == "__main__":
    main()
