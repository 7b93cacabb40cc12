"""Events for a person at a terminal: sentences, and a bar that counts rows; plain lines where nobody watches.

Kustomer does not say how many rows there are, so the bar shows a count and a rate, and no percentage.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, TextIO

from kustomer_extract.events import Event, JobFinished, JobStarted, PageRead, Scope, Severity

if TYPE_CHECKING:
    from tqdm import tqdm

    from kustomer_extract.ports import Clock


class TerminalLog:
    """Implements `EventLog`; close it after use.

    Args:
        stream: Gets the bar if it is a terminal, else lines with time and severity.
    """

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._watched = stream.isatty()
        self._bar: tqdm[Any] | None = None
        self._lock = threading.Lock()  # rate_limited comes from the threads that fetch

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event, or move the bar. A terminal that has gone away is no reason to stop a run."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._watched:
                self._move(scope, event)
            if event.severity is not Severity.DEBUG:
                self._write(scope, event)

    def close(self) -> None:
        """End the bar, if a run was broken off."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._end_bar()

    def _move(self, scope: Scope, event: Event) -> None:
        if isinstance(event, JobStarted):
            self._end_bar()
            self._bar = _open_bar(self._stream, str(scope.table))
        elif isinstance(event, PageRead) and self._bar is not None:
            self._bar.update(event.rows - self._bar.n)
        elif isinstance(event, JobFinished):
            self._end_bar()

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _write(self, scope: Scope, event: Event) -> None:
        about = " ".join(part for part in (scope.integration, scope.table) if part)
        if self._watched:
            severity = "" if event.severity is Severity.INFO else f"{event.severity}: "
            line = f"{about}: {severity}{event.sentence}"
        else:
            line = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ} {event.severity:<7} {about}: {event.sentence}"
        if self._bar is not None:
            self._bar.write(line, file=self._stream)  # above the bar
        else:
            print(line, file=self._stream, flush=True)


def _open_bar(stream: TextIO, table: str) -> tqdm[Any]:
    from tqdm import tqdm  # noqa: PLC0415 - of the extra `laptop`; the cloud commands do without

    tqdm.monitor_interval = 0  # no thread that wakes the bar up: pages come often enough
    return tqdm(desc=table, unit=" rows", file=stream, dynamic_ncols=True)
