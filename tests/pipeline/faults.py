"""Every call of a port goes through one function, which may record it, fail it, end the process there, or freeze it.

::

    ports = intercept(world.ports, Strike(at=17, kind=Kind.KILLED))     # one invocation with its own view of the ports
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

Meet: TypeAlias = Callable[[str, Callable[[], Any]], Any]
"""Gets a call's name, ``runs.save``, and its effect; returns what the effect returns, or raises."""

_CANNOT_FAIL = {"source.open", "source.close"}
"""By their ports: nothing is connected yet, or any more."""


class Killed(BaseException):
    """The process is gone at this call. Nothing in the product catches it, and nothing it calls afterwards happens."""


class Kind(enum.Enum):
    """What happens at a call. Being killed after one is being killed before the next; the last is to acknowledge."""

    KILLED = "killed before"
    REFUSED = "refused before its effect"
    ANSWER_LOST = "failed after its effect"

    def strike(self, name: str, effect: Callable[[], Any]) -> Any:
        """Do to a call what the kind says."""
        if self is Kind.KILLED:
            raise Killed
        if name in _CANNOT_FAIL:
            return effect()
        if self is Kind.ANSWER_LOST:
            effect()
        raise RetryLater(f"{name} {self.value}, by order")


@dataclass
class Strike:
    """A `Meet` that counts calls, over as many invocations as use it, and strikes the one of a number.

    Attributes:
        at: From 0; None: never.
        calls: The names of all calls so far.
    """

    at: int | None = None
    kind: Kind = Kind.KILLED
    calls: list[str] = field(default_factory=list)

    def __call__(self, name: str, effect: Callable[[], Any]) -> Any:
        self.calls.append(name)
        return self.kind.strike(name, effect) if len(self.calls) - 1 == self.at else effect()


def intercept(ports: Ports, meet: Meet) -> Ports:
    """Build the ports of one invocation: each call goes through `meet`, and none happens once it was killed."""
    alive = _Alive(meet)
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
    """Passes calls on until one of them was the end."""

    def __init__(self, meet: Meet) -> None:
        self._meet = meet
        self._dead = False

    def __call__(self, name: str, effect: Callable[[], Any]) -> Any:
        if self._dead:
            raise Killed
        try:
            return self._meet(name, effect)
        except Killed:
            self._dead = True
            raise


class _Port:
    """Any port: what its methods are called is what is met."""

    def __init__(self, name: str, port: Any, meet: Meet) -> None:
        self._name = name
        self._port = port
        self._meet = meet

    def __getattr__(self, method: str) -> Any:
        def call(*facts: Any, **named: Any) -> Any:
            return self._meet(f"{self._name}.{method}", partial(getattr(self._port, method), *facts, **named))

        return call


class _Warehouse(_Port):
    """A chunk is there when its load has begun: else it would depend on a thread whether a dead one's load is."""

    def begin_load(self, *facts: Any) -> _Load:
        def load() -> _Load:
            begun = self._port.begin_load(*facts)
            begun.future.exception()
            return _Load(begun, self._meet)

        loading: _Load = self._meet("warehouse.begin_load", load)
        return loading


@dataclass
class _Load:
    load: Any
    meet: Meet

    def wait(self, *, until: datetime) -> Staged:
        staged: Staged = self.meet("load.wait", partial(self.load.wait, until=until))
        return staged


class _Source:
    """Each page is a call, and so is finding that there is none."""

    def __init__(self, source: Any, meet: Meet) -> None:
        self._source = source
        self._meet = meet

    def iter_pages(self, *facts: Any, **named: Any) -> Generator[Page]:
        pages = self._source.iter_pages(*facts, **named)
        while (page := self._meet("source.page", lambda: next(pages, None))) is not None:
            yield page

    def find_existing(self, *facts: Any, **named: Any) -> frozenset[str]:
        existing: frozenset[str] = self._meet(
            "source.find_existing", partial(self._source.find_existing, *facts, **named)
        )
        return existing

    def close(self) -> None:
        self._meet("source.close", self._source.close)


class Zombie:
    """An invocation in a thread of its own that can be frozen at a call, and thawed when others have gone on.

    Either it runs or its maker does, never both: `start` and `thaw` return when it is frozen (again) or has ended.

    Attributes:
        ended: It will do nothing more.
        error: What it raised at its end, if it did.
    """

    def __init__(self, work: Callable[[Zombie], object]) -> None:
        self.ended = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._live, args=(work,), name="zombie")
        self._frozen = threading.Semaphore(0)
        self._thawed = threading.Semaphore(0)
        self._doomed = False

    def _live(self, work: Callable[[Zombie], object]) -> None:
        try:
            work(self)
        except BaseException as error:  # noqa: BLE001 - looked at by the maker
            self.error = error
        self.ended = True
        self._frozen.release()

    def start(self) -> None:
        """Let it run until it freezes, or to its end."""
        self._thread.start()
        self._wait()

    def thaw(self) -> None:
        """Let it go on from where it was frozen."""
        self._thawed.release()
        self._wait()

    def bury(self) -> None:
        """End it where it stands: whatever it calls does not happen."""
        self._doomed = True
        while not self.ended:
            self.thaw()

    def _wait(self) -> None:
        self._frozen.acquire()
        if self.ended:
            self._thread.join()

    def freeze(self) -> None:
        """Called by the invocation itself, at a call: stop here until thawed."""
        self._frozen.release()
        self._thawed.acquire()
        if self._doomed:
            raise Killed
