"""An event log that keeps its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kustomer_extract.events import Event, Scope


class RecordedLog:
    """Implements `ports.EventLog`."""

    def __init__(self) -> None:
        self.entries: list[tuple[Scope, Event]] = []

    def emit(self, scope: Scope, event: Event) -> None:
        self.entries.append((scope, event))

    @property
    def names(self) -> list[str]:
        """List the names of the events in order, without those of single pages."""
        return [event.name for _, event in self.entries if event.name != "page_read"]

    def find(self, name: str) -> list[Event]:
        """List all events with a name."""
        return [event for _, event in self.entries if event.name == name]
