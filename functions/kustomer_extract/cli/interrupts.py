"""Ctrl-C: the first one interrupts the command. Further ones are ignored while the command tidies up."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType


class Interrupts:
    """Handles SIGINT while it is open.

    Attributes:
        seen: Whether somebody has pressed Ctrl-C.
    """

    def __init__(self) -> None:
        self.seen = False
        self._is_held = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Interrupt the command at the end of the block, not within it."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self.seen:
            raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler
        if not self.seen:
            self.seen = True
            if not self._is_held:
                raise KeyboardInterrupt
