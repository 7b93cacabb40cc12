"""What every suite shares: where Google's emulators are installed, the tests that need them must run, not skip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis

from tests.standins.google import emulators

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


hypothesis.settings.register_profile("fast", max_examples=15)  # of `make test-fast`; the others try a hundred


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the emulator tests where there are no emulators; `pytest_terminal_summary` says so."""
    if emulators.available():
        return
    left_out = [item for item in items if item.get_closest_marker("emulator")]
    items[:] = [item for item in items if not item.get_closest_marker("emulator")]
    config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what this machine could not show."""
    if not emulators.available():
        terminalreporter.write_line("left out: the tests on Google's Firestore and Pub/Sub emulators (gcloud, java)")


def pytest_report_header() -> Sequence[str]:
    """Say what Firestore is."""
    return [f"Google's emulators: {'installed, demanded' if emulators.available() else 'not installed'}"]
