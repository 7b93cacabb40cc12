"""Shared by all suites. If Google's emulators are installed, the tests that need them run; none is skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis

from tests.standins.google import emulators

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


hypothesis.settings.register_profile("fast", max_examples=15)  # for `make test-fast`; the default is 100


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the emulator tests if there are no emulators. `pytest_terminal_summary` reports that."""
    if emulators.available():
        return
    left_out = [item for item in items if item.get_closest_marker("emulator")]
    items[:] = [item for item in items if not item.get_closest_marker("emulator")]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line if tests were left out."""
    if not emulators.available():
        terminalreporter.write_line("left out: the tests on Google's Firestore and Pub/Sub emulators (gcloud, java)")


def pytest_report_header() -> Sequence[str]:
    """Print whether the emulators are installed."""
    return [f"Google's emulators: {'installed, required' if emulators.available() else 'not installed'}"]
