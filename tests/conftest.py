"""Shared by all suites. If Google's emulators are installed, the tests that need them run; none is skipped."""

from __future__ import annotations

from collections import deque
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.standins.google import emulators

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path


hypothesis.settings.register_profile("fast", max_examples=15)  # for `make test-fast`; the default is 100


def pytest_configure(config: pytest.Config) -> None:
    """Choose the order of the tests, if there are several workers: all of them must use the same one."""
    if not hasattr(config, "workerinput") and config.getoption("testrunuid", None) is None:
        config.option.testrunuid = f"{Random().randrange(16**6):06x}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Put the tests into a random order, the modules that are marked as `long` first.

    The emulator tests are deselected if there are no emulators. `pytest_terminal_summary` reports that.
    """
    if not emulators.available():
        left_out = [item for item in items if item.get_closest_marker("emulator")]
        items[:] = [item for item in items if not item.get_closest_marker("emulator")]
        config.hook.pytest_deselected(items=left_out)
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker:
        items[:] = _shuffle(items, Random(worker["testrunuid"]))
    yield
    if worker:
        items[:] = _deal(items, worker["workercount"])


def _shuffle(items: list[pytest.Item], rng: Random) -> list[pytest.Item]:
    """Shuffle the modules, and the tests of each. A module stays together: its tests share fixtures."""
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    for tests in modules.values():
        rng.shuffle(tests)
    return list(chain.from_iterable(rng.sample(list(modules.values()), len(modules))))


def _deal(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Spread the long modules over the beginnings of the equal parts that xdist gives to its workers."""
    is_long = {item.path: bool(item.get_closest_marker("long")) for item in items}
    turns = {path: number % workers for number, path in enumerate(path for path in is_long if is_long[path])}
    others = deque(item for item in items if not is_long[item.path])
    order: list[pytest.Item] = []
    for worker in range(workers):
        part = [item for item in items if turns.get(item.path) == worker]
        size = (len(items) - len(order)) // (workers - worker)
        order += part + [others.popleft() for _ in range(min(len(others), max(0, size - len(part))))]
    return [*order, *others]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line if tests were left out."""
    if not emulators.available():
        terminalreporter.write_line("left out: the tests on Google's Firestore and Pub/Sub emulators (gcloud, java)")


def pytest_report_header(config: pytest.Config) -> Sequence[str]:
    """Print whether the emulators are installed, and how to repeat the order of the tests."""
    return [
        f"Google's emulators: {'installed, required' if emulators.available() else 'not installed'}",
        f"order of the tests with several workers: --testrunuid={config.getoption('testrunuid', None)}",
    ]
