"""Every port call of a run, with every way to fail there, and every way to deliver again: nothing lost, nothing twice.

The calls are those of a recorded run: whoever adds one adds its cases. A call that only reads leaves nothing behind, so
a death before it is a death before the next call that writes, and an answer of it that is lost is a refusal: each is
tried once. `test_what_counts_as_a_read_changes_nothing` holds the list of reads to that.
"""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.errors import RetryLater
from kustomer_extract.models import Trigger, to_run_id
from tests.pipeline.days import Days
from tests.pipeline.faults import Kind, Strike, Zombie, intercept
from tests.pipeline.world import ACME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = pytest.mark.slow

READS = {
    "configs.fetch", "configs.locate", "load.wait", "runs.fetch", "secrets.fetch_api_key", "source.close",
    "source.find_existing", "source.open", "source.page", "warehouse.count_published",
    "warehouse.fetch_published_columns", "warehouse.sample_vanished",
}  # fmt: skip


@pytest.fixture
def days(request: pytest.FixtureRequest) -> Iterator[Days]:
    """One installation for many cases: each has the rows of the one before as its old ones."""
    with tempfile.TemporaryDirectory() as folder:
        days = Days(Path(folder), request.param)
        days.begin()
        days.settle()
        yield days
        days.close()


@functools.cache
def record_calls() -> tuple[str, ...]:
    """Name the port calls of a run in which all goes well, in order."""
    with tempfile.TemporaryDirectory() as folder:
        days, strike = Days(Path(folder)), Strike()
        for _ in range(2):  # the second run has published tables before it
            strike.calls.clear()
            days.begin()
            while days.waiting:
                days.deliver(days.waiting[0], strike)
        days.close()
    return tuple(strike.calls)


def list_strikes(kind: Kind | None) -> list[tuple[int, str]]:
    """List the calls, by number and name, at which a failure of this kind, or a stall, differs from all others."""
    calls = list(enumerate(record_calls()))
    if kind is Kind.REFUSED:
        return calls
    if kind is Kind.KILLED:  # a new state begins after each write
        return [(at, name) for at, name in calls if at == 0 or calls[at - 1][1] not in READS]
    return [(at, name) for at, name in calls if name not in READS]


def pass_lease(days: Days) -> None:
    limits = days.world.limits
    days.world.clock.advance(seconds=max(limits.lease_seconds, limits.redelivery_seconds) + 1)


def redeliver(days: Days) -> None:
    days.settle()


def redeliver_twice(days: Days) -> None:
    days.settle(times=2)


def redeliver_late(days: Days) -> None:
    pass_lease(days)
    days.settle()


def redeliver_after_a_newer_trigger(days: Days) -> None:
    days.publish(Trigger.MANUAL)
    days.waiting.reverse()
    days.settle()


def redeliver_late_after_a_newer_trigger(days: Days) -> None:
    pass_lease(days)
    days.change_rows()
    redeliver_after_a_newer_trigger(days)


def redeliver_after_a_deployment(days: Days) -> None:
    days.world.deploy_other_columns()
    days.settle()


def redeliver_after_an_upgrade(days: Days) -> None:
    days.world.upgrade()
    days.settle()


def try_to(act: Callable[[], None]) -> list[str]:
    """Say what was raised that is none of ours, or that nothing ends."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - any is a finding
        return [repr(error)]
    return []


def stall(days: Days, at: int) -> Zombie | None:
    """Deliver until the call of this number, where the invocation freezes; None if there is no such call."""
    count = 0

    def work(zombie: Zombie) -> None:
        def meet(_name: str, effect: Callable[[], object]) -> object:
            nonlocal count
            count += 1
            if count - 1 == at:
                zombie.freeze()
            return effect()

        days.world.deliver(days.waiting[0], intercept(days.world.ports, meet))
        meet("acknowledge", lambda: None)

    while days.waiting:
        zombie = Zombie(work)
        zombie.start()
        days.collect()
        if not zombie.ended:
            return zombie
        days.acknowledge(days.waiting[0])
    return None


AFTERWARDS = [
    redeliver,
    redeliver_twice,
    redeliver_late,
    redeliver_after_a_newer_trigger,
    redeliver_late_after_a_newer_trigger,
    redeliver_after_a_deployment,
    redeliver_after_an_upgrade,
]


@pytest.mark.parametrize(
    ("days", "kind", "afterwards"),
    [
        *itertools.product(["memory"], Kind, AFTERWARDS),
        ("duckdb", Kind.KILLED, redeliver_late_after_a_newer_trigger),
    ],
    indirect=["days"],
)
def test_a_failure_at_any_call_loses_and_repeats_nothing(
    days: Days, kind: Kind, afterwards: Callable[[Days], None]
) -> None:
    wrongs = []
    for at, name in list_strikes(kind):
        days.begin()
        strike = Strike(at=at, kind=kind)
        while days.waiting and len(strike.calls) <= at:
            days.deliver(days.waiting[0], strike)
        found = list(days.find_halves())
        found += try_to(lambda: afterwards(days)) or days.find_wrongs()
        wrongs += [f"{kind.value} {at} {name}, {afterwards.__name__}: {wrong}" for wrong in found]

    assert not wrongs, "\n".join(wrongs)


@pytest.mark.parametrize(
    ("days", "meanwhile"),
    [*itertools.product(["memory"], AFTERWARDS), ("duckdb", redeliver_late_after_a_newer_trigger)],
    indirect=["days"],
)
def test_a_process_that_stalls_at_any_call_and_wakes_up_later_changes_nothing(
    days: Days, meanwhile: Callable[[Days], None]
) -> None:
    wrongs = []
    for at, name in list_strikes(None):
        days.begin()
        zombie = stall(days, at)
        found = list(days.find_halves())
        found += try_to(lambda: meanwhile(days)) or days.find_wrongs()
        if zombie:
            zombie.thaw()
            days.collect()
            if not isinstance(zombie.error, RetryLater | None):
                found.append(f"woke up and raised {zombie.error!r}")
            found += try_to(days.settle) or days.find_wrongs()
        wrongs += [f"stalled at {at} {name}, {meanwhile.__name__}: {wrong}" for wrong in found]

    assert not wrongs, "\n".join(wrongs)


@pytest.mark.parametrize("days", ["memory"], indirect=True)
@pytest.mark.parametrize("kind", Kind)
def test_a_newer_run_that_fails_while_it_closes_a_dead_one_takes_place_all_the_same(days: Days, kind: Kind) -> None:
    wrongs = []
    for at in itertools.count():
        days.deliver(days.begin(), Strike(at=record_calls().index("continuations.publish")))
        pass_lease(days)
        days.change_rows()
        newer = days.publish(Trigger.MANUAL)
        strike = Strike(at=at, kind=kind)
        days.deliver(newer, strike)
        days.waiting.reverse()
        found = try_to(days.settle) or list(days.find_wrongs())
        state = days.world.runs.fetch(ACME)
        if state is None or state.run_id != to_run_id(newer):
            found.append("the newer run did not take place")
        wrongs += [f"{kind.value} {at} {strike.calls[-1]}: {wrong}" for wrong in found]
        if strike.calls[-1] == "acknowledge":
            break

    assert not wrongs, "\n".join(wrongs)


def test_what_counts_as_a_read_changes_nothing(tmp_path: Path) -> None:
    days, changed = Days(tmp_path), list[str]()

    def look(name: str, effect: Callable[[], object]) -> object:
        before = days.picture()
        answer = effect()
        if name in READS and days.picture() != before:
            changed.append(name)
        return answer

    for _ in range(2):
        days.begin()
        while days.waiting:
            days.deliver(days.waiting[0], look)
    days.close()

    assert changed == []


def test_the_state_is_written_right_before_every_publish() -> None:
    calls = record_calls()

    assert {calls[at - 1] for at, name in enumerate(calls) if name == "warehouse.publish"} == {"runs.save"}


def test_the_recorded_run_makes_every_call_of_a_run_over_several_chunks_and_hops() -> None:
    calls = Counter(record_calls())

    assert set(calls) == {
        "acknowledge", "configs.activate", "configs.fetch", "configs.locate", "configs.record_last_run",
        "continuations.publish",
        "load.wait", "runs.fetch", "runs.record", "runs.save", "secrets.fetch_api_key", "source.close",
        "source.find_existing", "source.open", "source.page",
        "warehouse.append_jobs", "warehouse.assemble", "warehouse.begin_load", "warehouse.count_published",
        "warehouse.deduplicate", "warehouse.drop", "warehouse.fetch_published_columns", "warehouse.publish",
        "warehouse.put_view", "warehouse.sample_vanished",
    }  # fmt: skip
    assert (calls["acknowledge"], calls["warehouse.begin_load"], calls["warehouse.publish"]) == (3, 4, 2)
