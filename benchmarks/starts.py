"""How long the command takes with almost nothing to do: `--help`, and an organisation without records.

Usage: ``python -m benchmarks.starts [ROUNDS]``. Whole processes are measured, from start to end, in turn with an
interpreter that does nothing. The time of that interpreter is the lower bound.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.extraction import check_target
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

_ROOT = Path(__file__).parents[1]
_TARGETS = {"python -c pass": None, "--help": 0.2, "empty organisation": 0.6}  # seconds


def main(rounds: int) -> None:
    """Print a line for each command: the medians of wall time and CPU, and the target."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in _TARGETS}
    with (
        Sandbox(conversations=0, surveys=0, limit=RateLimit(requests=1_000_000)) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = Path(folder, "kustomer.yaml")
        config.write_text("integrations: {bench: {org: bench}}")
        environment = {
            **os.environ,
            "PYTHONPATH": str(_ROOT / "functions"),
            "KUSTOMER_API_URL": sandbox.url,
            "KUSTOMER_API_KEY": sandbox.key,
        }
        for number in range(rounds):
            run = ["run", "--config", str(config), "--warehouse", str(Path(folder, f"{number}.duckdb"))]
            commands = {"python -c pass": ["-c", "pass"]} | {
                name: ["-m", "kustomer_extract", *arguments]
                for name, arguments in {"--help": ["--help"], "empty organisation": run}.items()
            }
            for name, arguments in commands.items():
                taken[name].append(_measure([sys.executable, *arguments], environment))
    for name, target in _TARGETS.items():
        wall, cpu = (median(times) for times in zip(*taken[name], strict=True))
        print(f"{name}: {wall:.2f} s, of which CPU {cpu:.2f}")
        if target is not None:
            check_target(f"{name} ≤ {target} s", wall, met=wall <= target)


def _measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
