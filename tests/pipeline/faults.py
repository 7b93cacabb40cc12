"""Inject faults into port calls. A hook gets every call, and may record it, fail it, kill the process or pause it.

::

    ports = intercept(world.ports, FaultAt(at=17, kind=Kind.KILLED))    # the ports of one invocation
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from kustomer_extract.errors import RetryLater

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from kustomer_extract.models import Page, Staged
    from kustomer_extract.ports import Ports

Hook: TypeAlias = Callable[[str, Callable[[], Any]], Any]
"""Gets the name of a call, for example ``runs.save``, and its effect. Returns the effect's result, or raises."""

_CANNOT_FAIL = {"source.open", "source.close"}
"""Calls that the ports define as never failing."""


class Killed(BaseException):
    """The process was killed at this call. The product does not catch this, and its later calls have no effect."""


class Kind(enum.Enum):
    """What happens at a call. A kill after a call is a kill before the next; the last call is "acknowledge"."""

    KILLED = "killed before"
    REFUSED = "refused before its effect"
    ANSWER_LOST = "failed after its effect"

    def inject(self, name: str, effect: Callable[[], Any]) -> Any:
        """Make a call fail in this way."""
        if self is Kind.KILLED:
            raise Killed
        if name in _CANNOT_FAIL:
            return effect()
        if self is Kind.ANSWER_LOST:
            effect()
        raise RetryLater(f"{name} {self.value}, as injected")


@dataclass
class FaultAt:
    """A hook that counts calls and injects a fault into one of them. Several invocations can share it.

    Attributes:
        at: The number of the call, from 0. None: no call fails.
        calls: The names of all calls so far.
    """

    at: int | None = None
    kind: Kind = Kind.KILLED
    calls: list[str] = field(default_factory=list)

    def __call__(self, name: str, effect: Callable[[], Any]) -> Any:
        self.calls.append(name)
        return self.kind.inject(name, effect) if len(self.calls) - 1 == self.at else effect()


def intercept(ports: Ports, hook: Hook) -> Ports:
    """Build the ports of one invocation. The hook gets each call. After a kill no call has an effect."""
    alive = _Alive(hook)
    return replace(
        ports,
        configs=_Port("configs", ports.configs, alive),
        continuations=_Port("continuations", ports.continuations, alive),
        open_source=lambda *facts: alive("source.open", lambda: _Source(ports.open_source(*facts), alive)),
        runs=_Port("runs", ports.runs, alive),
        secrets=_Port("secrets", ports.secrets, alive),
        warehouse=_Warehouse("warehouse", ports.warehouse, alive),
    )


class _Alive:
    """A hook that passes calls on until the invocation is killed."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._dead = False

    def __call__(self, name: str, effect: Callable[[], Any]) -> Any:
        if self._dead:
            raise Killed
        try:
            return self._hook(name, effect)
        except Killed:
            self._dead = True
            raise


class _Port:
    """Any port: each call of a method goes through the hook."""

    def __init__(self, name: str, port: Any, hook: Hook) -> None:
        self._name = name
        self._port = port
        self._hook = hook

    def __getattr__(self, method: str) -> Any:
        def call(*facts: Any, **named: Any) -> Any:
            return self._hook(f"{self._name}.{method}", partial(getattr(self._port, method), *facts, **named))

        return call


class _Warehouse(_Port):
    """Waits for the loading thread, so that after `begin_load` a chunk exists even if the invocation is killed."""

    def begin_load(self, *facts: Any) -> _Load:
        def load() -> _Load:
            begun = self._port.begin_load(*facts)
            begun.future.exception()
            return _Load(begun, self._hook)

        loading: _Load = self._hook("warehouse.begin_load", load)
        return loading


@dataclass
class _Load:
    load: Any
    hook: Hook

    def wait(self, *, until: datetime) -> Staged:
        staged: Staged = self.hook("load.wait", partial(self.load.wait, until=until))
        return staged


class _Source:
    """Each page is a call, and so is the end of the list."""

    def __init__(self, source: Any, hook: Hook) -> None:
        self._source = source
        self._hook = hook

    def iter_pages(self, *facts: Any, **named: Any) -> Generator[Page]:
        pages = self._source.iter_pages(*facts, **named)
        while (page := self._hook("source.page", lambda: next(pages, None))) is not None:
            yield page

    def read_ahead(self, *facts: Any, **named: Any) -> None:
        self._source.read_ahead(*facts, **named)

    def find_existing(self, *facts: Any, **named: Any) -> frozenset[str]:
        existing: frozenset[str] = self._hook(
            "source.find_existing", partial(self._source.find_existing, *facts, **named)
        )
        return existing

    def close(self) -> None:
        self._hook("source.close", self._source.close)


class Zombie:
    """An invocation that stalls at a call, and continues after other invocations have run. It has its own thread.

    Either this thread runs or the test does, never both: `start` and `resume` return when it pauses or ends.

    Attributes:
        ended: Whether the invocation has ended.
        error: The exception that ended it, if any.
    """

    def __init__(self, work: Callable[[Zombie], object]) -> None:
        self.ended = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._live, args=(work,), name="zombie")
        self._paused = threading.Semaphore(0)
        self._resumed = threading.Semaphore(0)
        self._killed = False

    def _live(self, work: Callable[[Zombie], object]) -> None:
        try:
            work(self)
        except BaseException as error:  # noqa: BLE001 - the test checks it
            self.error = error
        self.ended = True
        self._paused.release()

    def start(self) -> None:
        """Run until it pauses or ends."""
        self._thread.start()
        self._wait()

    def resume(self) -> None:
        """Continue from where it paused, until it pauses or ends."""
        self._resumed.release()
        self._wait()

    def kill(self) -> None:
        """Kill it where it paused: its later calls have no effect."""
        self._killed = True
        while not self.ended:
            self.resume()

    def _wait(self) -> None:
        self._paused.acquire()
        if self.ended:
            self._thread.join()

    def pause(self) -> None:
        """Pause here until `resume`. The invocation itself calls this, from a hook."""
        self._paused.release()
        self._resumed.acquire()
        if self._killed:
            raise Killed
