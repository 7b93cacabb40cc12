"""The run state on a laptop: memory instead of Firestore. The tests use it as a fake, too."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from kustomer_extract.errors import TakenOver

if TYPE_CHECKING:
    from kustomer_extract.models import IntegrationName, RunId, RunState


class MemoryRunStore:
    """Implements `RunStore` in memory: after the process is killed, the next run starts over.

    Attributes:
        recorded: Run → its latest run document.
    """

    def __init__(self) -> None:
        self.recorded: dict[RunId, RunState] = {}
        self._states: dict[IntegrationName, RunState] = {}
        self._versions = itertools.count(1)
        self._lock = threading.Lock()

    def fetch(self, integration: IntegrationName) -> RunState | None:
        """Read the state."""
        with self._lock:
            return self._states.get(integration)

    def set_aside(self, integration: IntegrationName) -> str:
        """Forget the state. In memory it can always be read."""
        with self._lock:
            self._states.pop(integration, None)
        return "nowhere"

    def save(self, state: RunState) -> RunState:
        """Write the state if the stored one still has `state.version`."""
        with self._lock:
            stored = self._states.get(state.integration)
            if state.version != (stored.version if stored else None):
                raise TakenOver(f"run {state.run_id}: somebody else has written the state")
            saved = replace(state, version=next(self._versions))
            self._states[state.integration] = saved
            return saved

    def record(self, state: RunState) -> None:
        """Keep the run document; for an unfinished run only if there is none yet."""
        with self._lock:
            if state.finished_at is not None or state.run_id not in self.recorded:
                self.recorded[state.run_id] = state
