"""Shows events at a terminal: as sentences and a progress bar, or as plain lines if the output is not a terminal.

If Kustomer states the number of rows, the bar shows a percentage and the time left. Otherwise it uses the number of the
last run, and says so.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, TextIO

from kustomer_extract.events import Event, JobFinished, JobStarted, PageRead, RateLimited, Scope, Severity, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tqdm import tqdm

    from kustomer_extract.models import Table
    from kustomer_extract.ports import Clock


_ORDER = list(Severity)


class TerminalLog:
    """Implements `EventLog`; close it after use.

    Args:
        stream: The output. A terminal that can move its cursor gets the bar; others get lines with time and severity.
        quiet: Show warnings and errors only, and no bar.
    """

    def __init__(self, stream: TextIO, clock: Clock, *, quiet: bool = False) -> None:
        self._stream = stream
        self._clock = clock
        self._least = Severity.WARNING if quiet else Severity.INFO
        self._watched = stream.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._guesses: Mapping[Table, int] = {}
        self._bar: tqdm[Any] | None = None
        self._lock = threading.Lock()  # the threads that fetch pages report rate_limited

    def expect(self, rows: Mapping[Table, int]) -> None:
        """Set the expected number of rows: those of the last run."""
        self._guesses = rows

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event, or move the bar. A terminal that was closed does not stop a run."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._watched:
                self._move(scope, event)
            if _ORDER.index(event.severity) >= _ORDER.index(self._least):
                self._write(scope, event)

    def close(self) -> None:
        """Remove the bar of a run that was interrupted."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._end_bar()

    def _move(self, scope: Scope, event: Event) -> None:
        if isinstance(event, JobStarted):
            self._end_bar()
            guess = self._guesses.get(scope.table) if scope.table else None
            self._bar = _open_bar(self._stream, str(scope.table), guess=guess)
        elif isinstance(event, PageRead) and self._bar is not None:
            if event.expected_rows is not None:
                self._bar.total, self._bar.desc = event.expected_rows, str(scope.table)
            self._bar.set_postfix_str("", refresh=False)
            self._bar.update(event.rows - self._bar.n)
        elif isinstance(event, RateLimited | Waiting) and self._bar is not None:
            reason = event.reason if isinstance(event, Waiting) else "waiting for the rate limit"
            self._bar.set_postfix_str(f"{reason}, {event.wait_seconds:.0f} s")
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


def _open_bar(stream: TextIO, table: str, *, guess: int | None) -> tqdm[Any]:
    from tqdm import tqdm  # noqa: PLC0415 - of the extra `laptop`; the cloud commands do without

    tqdm.monitor_interval = 0  # no thread that redraws the bar: every page does
    described = f"{table} (as many as last time?)" if guess else table
    ascii_only = not (stream.encoding or "").lower().startswith("utf")
    return tqdm(desc=described, total=guess or None, unit=" rows", file=stream, dynamic_ncols=True, ascii=ascii_only)
