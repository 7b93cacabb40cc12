"""Events for a person at a terminal: sentences, and a bar that counts rows; plain lines where nobody watches.

Where Kustomer says how many rows there are, the bar shows a percentage and the time left. Else the rows of the last run
are its guess, and it says so.
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
        stream: Gets the bar if it is a terminal that can move its cursor, else lines with time and severity.
        quiet: Only warnings and errors, and no bar.
    """

    def __init__(self, stream: TextIO, clock: Clock, *, quiet: bool = False) -> None:
        self._stream = stream
        self._clock = clock
        self._least = Severity.WARNING if quiet else Severity.INFO
        self._watched = stream.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._guesses: Mapping[Table, int] = {}
        self._bar: tqdm[Any] | None = None
        self._lock = threading.Lock()  # rate_limited comes from the threads that fetch

    def expect(self, rows: Mapping[Table, int]) -> None:
        """Take the rows of the last run for a guess at those of the next."""
        self._guesses = rows

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event, or move the bar. A terminal that has gone away is no reason to stop a run."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._watched:
                self._move(scope, event)
            if _ORDER.index(event.severity) >= _ORDER.index(self._least):
                self._write(scope, event)

    def close(self) -> None:
        """End the bar, if a run was broken off."""
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

    tqdm.monitor_interval = 0  # no thread that wakes the bar up: pages come often enough
    described = f"{table} (as many as last time?)" if guess else table
    ascii_only = not (stream.encoding or "").lower().startswith("utf")
    return tqdm(desc=described, total=guess or None, unit=" rows", file=stream, dynamic_ncols=True, ascii=ascii_only)
