"""The kill matrix: each call of a port fails in each way, before each way of redelivery.

No row is lost, and none is repeated.

The calls come from a recorded run, so a new call adds its cases by itself. A call that only reads changes nothing. So
being killed before it is the same as being killed before the next write, and a lost answer is the same as a refusal:
these cases are not repeated. `test_reads_change_nothing` checks the list of reads.
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
from tests.pipeline.faults import FaultAt, Kind, Zombie, intercept
from tests.pipeline.world import ACME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = [pytest.mark.slow, pytest.mark.long]

READS = {
    "configs.fetch", "configs.locate", "load.wait", "runs.fetch", "secrets.fetch_api_key", "source.close",
    "source.find_existing", "source.open", "source.page", "warehouse.count_published",
    "warehouse.fetch_published_columns", "warehouse.sample_vanished",
}  # fmt: skip


@pytest.fixture
def days(request: pytest.FixtureRequest) -> Iterator[Days]:
    """Build one installation for many cases. The rows of a case are the old rows of the next case."""
    with tempfile.TemporaryDirectory() as folder:
        days = Days(Path(folder), request.param)
        days.begin()
        days.deliver_all()
        yield days
        days.close()


@functools.cache
def record_calls() -> tuple[str, ...]:
    """Record the names of the port calls of a run without faults, in order."""
    with tempfile.TemporaryDirectory() as folder:
        days, fault = Days(Path(folder)), FaultAt()
        for _ in range(2):  # before the second run there are published tables
            fault.calls.clear()
            days.begin()
            while days.waiting:
                days.deliver(days.waiting[0], fault)
        days.close()
    return tuple(fault.calls)


def list_fault_points(kind: Kind | None) -> list[tuple[int, str]]:
    """List the calls (number and name) at which a fault of this kind, or a stall (None), is a separate case."""
    calls = list(enumerate(record_calls()))
    if kind is Kind.REFUSED:
        return calls
    if kind is Kind.KILLED:  # a write before the call makes it a new case
        return [(at, name) for at, name in calls if at == 0 or calls[at - 1][1] not in READS]
    return [(at, name) for at, name in calls if name not in READS]


def pass_lease(days: Days) -> None:
    limits = days.world.limits
    days.world.clock.advance(seconds=max(limits.lease_seconds, limits.redelivery_seconds) + 1)


def redeliver(days: Days) -> None:
    days.deliver_all()


def redeliver_twice(days: Days) -> None:
    days.deliver_all(times=2)


def redeliver_late(days: Days) -> None:
    pass_lease(days)
    days.deliver_all()


def redeliver_after_a_newer_trigger(days: Days) -> None:
    days.publish(Trigger.MANUAL)
    days.waiting.reverse()
    days.deliver_all()


def redeliver_late_after_a_newer_trigger(days: Days) -> None:
    pass_lease(days)
    days.change_rows()
    redeliver_after_a_newer_trigger(days)


def redeliver_after_a_deployment(days: Days) -> None:
    days.world.deploy_other_columns()
    days.deliver_all()


def redeliver_after_an_upgrade(days: Days) -> None:
    days.world.upgrade()
    days.deliver_all()


def catch_errors(act: Callable[[], None]) -> list[str]:
    """Describe an exception that the test does not expect, for example because messages never end."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - the test reports any
        return [repr(error)]
    return []


def stall(days: Days, at: int) -> Zombie | None:
    """Deliver messages until call number `at`, where the invocation pauses. None if there is no such call."""
    count = 0

    def work(zombie: Zombie) -> None:
        def hook(_name: str, effect: Callable[[], object]) -> object:
            nonlocal count
            count += 1
            if count - 1 == at:
                zombie.pause()
            return effect()

        days.world.deliver(days.waiting[0], intercept(days.world.ports, hook))
        hook("acknowledge", lambda: None)

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
def test_a_fault_at_any_call_loses_no_row_and_repeats_none(
    days: Days, kind: Kind, afterwards: Callable[[Days], None]
) -> None:
    errors = []
    for at, name in list_fault_points(kind):
        days.begin()
        fault = FaultAt(at=at, kind=kind)
        while days.waiting and len(fault.calls) <= at:
            days.deliver(days.waiting[0], fault)
        found = list(days.find_mixed_tables())
        found += catch_errors(lambda: afterwards(days)) or days.find_errors()
        errors += [f"{kind.value} {at} {name}, {afterwards.__name__}: {error}" for error in found]

    assert not errors, "\n".join(errors)


@pytest.mark.parametrize(
    ("days", "meanwhile"),
    [*itertools.product(["memory"], AFTERWARDS), ("duckdb", redeliver_late_after_a_newer_trigger)],
    indirect=["days"],
)
def test_a_process_that_stalls_at_any_call_and_resumes_later_loses_no_row_and_repeats_none(
    days: Days, meanwhile: Callable[[Days], None]
) -> None:
    errors = []
    for at, name in list_fault_points(None):
        days.begin()
        zombie = stall(days, at)
        found = list(days.find_mixed_tables())
        found += catch_errors(lambda: meanwhile(days)) or days.find_errors()
        if zombie:
            zombie.resume()
            days.collect()
            if not isinstance(zombie.error, RetryLater | None):
                found.append(f"resumed and raised {zombie.error!r}")
            found += catch_errors(days.deliver_all) or days.find_errors()
        errors += [f"stalled at {at} {name}, {meanwhile.__name__}: {error}" for error in found]

    assert not errors, "\n".join(errors)


@pytest.mark.parametrize("days", ["memory"], indirect=True)
@pytest.mark.parametrize("kind", Kind)
def test_a_newer_run_succeeds_after_a_fault_while_it_closes_a_dead_run(days: Days, kind: Kind) -> None:
    errors = []
    for at in itertools.count():
        days.deliver(days.begin(), FaultAt(at=record_calls().index("continuations.publish")))
        pass_lease(days)
        days.change_rows()
        newer = days.publish(Trigger.MANUAL)
        fault = FaultAt(at=at, kind=kind)
        days.deliver(newer, fault)
        days.waiting.reverse()
        found = catch_errors(days.deliver_all) or list(days.find_errors())
        state = days.world.runs.fetch(ACME)
        if state is None or state.run_id != to_run_id(newer):
            found.append("the newer run did not take place")
        errors += [f"{kind.value} {at} {fault.calls[-1]}: {error}" for error in found]
        if fault.calls[-1] == "acknowledge":
            break

    assert not errors, "\n".join(errors)


def test_reads_change_nothing(tmp_path: Path) -> None:
    days, changed = Days(tmp_path), list[str]()

    def check_read(name: str, effect: Callable[[], object]) -> object:
        before = days.snapshot()
        answer = effect()
        if name in READS and days.snapshot() != before:
            changed.append(name)
        return answer

    for _ in range(2):
        days.begin()
        while days.waiting:
            days.deliver(days.waiting[0], check_read)
    days.close()

    assert changed == []


def test_the_state_is_written_right_before_every_publish() -> None:
    calls = record_calls()

    assert {calls[at - 1] for at, name in enumerate(calls) if name == "warehouse.publish"} == {"runs.save"}


def test_the_recorded_run_has_every_call_and_several_chunks_and_hops() -> None:
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
