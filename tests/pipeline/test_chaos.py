"""A state machine of messages, edits, faults and stalled processes, in any order. No row is lost, and every run ends.

A failure prints its steps, and the seed that repeats it: ``CHAOS_SEED=… make chaos SECONDS=1``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kustomer_extract import events
from kustomer_extract.errors import (
    ConfigInvalid,
    KeyRejected,
    NeedsPerson,
    RetryLater,
    RowRejected,
    SecretUnavailable,
    WarehouseRefused,
)
from kustomer_extract.models import JobStatus, Message, RunId, Table, Trigger, to_live_name
from kustomer_extract.pipeline.delivery import Decision, decide
from tests.pipeline.faults import Killed, Kind, Zombie, intercept
from tests.pipeline.test_kill_matrix import READS, record_calls
from tests.pipeline.world import ACME, MAX_DELIVERIES, TABLES, BareWorld, ids_and_ages
from tests.standins.warehouse import MemoryWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from kustomer_extract.ports import Ports

pytestmark = [pytest.mark.slow, pytest.mark.long]
_SEEDS, _EXAMPLES, _STEPS = range(4), 50, 40
_MAX_DELIVERIES = 200
_MAX_ZOMBIES = 3

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_HISTORY_START = _FIRST_DAY + timedelta(days=3)

Effect: TypeAlias = "Callable[[], Any]"
PICK = st.integers(0, 9)
_CALLS = sorted(set(record_calls()) - {"acknowledge"})
CALL = st.tuples(st.sampled_from(_CALLS), st.sampled_from([0, 0, 1, 2]))
"""The name of a call, and how many calls of that name come before it in the same invocation."""
WRITE = CALL.filter(lambda call: call[0] not in READS)
"""A call that changes something. A stall before a read is the same as a stall before the next such call."""

_NEEDS_A_PERSON: dict[str, Callable[[], NeedsPerson]] = {
    "configs": lambda: ConfigInvalid("the document", []),
    "continuations": lambda: ConfigInvalid("the topic", []),
    "load": lambda: RowRejected("a row"),
    "runs.record": lambda: ConfigInvalid("the run document", []),
    "secrets": lambda: SecretUnavailable("no key"),
    "source.find_existing": lambda: KeyRejected("the key"),
    "source.page": lambda: KeyRejected("the key"),
    "warehouse": lambda: WarehouseRefused("a table"),
}
"""Permanent errors of the ports. The state's store is left out: without a state a run cannot be reported as failed."""


def to_records(table: Table, version: int) -> list[dict[str, Any]]:
    """Build the records of a version. Every third version has few conversations, so that the guard refuses it."""
    count = 3 if table is Table.SATISFACTION or version % 3 == 2 else 7
    rows = [to_record(number, version, extra=number - version) for number in range(version, version + count)]
    return [*rows, rows[0]] if table is Table.CONVERSATIONS else rows


def to_record(number: int, version: int, *, extra: int) -> dict[str, Any]:
    """Build a record. Its number decides when it was created."""
    created_at = _FIRST_DAY + timedelta(days=number)
    return {
        "id": f"{number:024x}",
        "type": f"version {version}",
        "extra": extra,
        "attributes": {"createdAt": f"{created_at:%Y-%m-%dT%H:%M:%SZ}"},
    }


def list_ids(table: Table, version: int, *, since: datetime | None = None) -> list[str]:
    """List the ids of a complete extract, of all conversations or of those created since `since`."""
    start = "" if since is None or table is not Table.CONVERSATIONS else f"{since:%Y-%m-%dT%H:%M:%SZ}"
    records = to_records(table, version)
    return sorted({record["id"] for record in records if record["attributes"]["createdAt"] >= start})


@dataclass(frozen=True)
class Edit:
    """What a person changes in the document. A later edit of the same kind (`what`) replaces an earlier one."""

    what: str
    document: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict, repr=False)
    of: tuple[Table, ...] = field(default=TABLES, repr=False)


EDITS = [
    Edit("status", {"status": "ACTIVE"}),
    Edit("status", {"status": "PENDING"}),
    Edit("status", {"status": "PAUSED"}),
    Edit("status", {"status": "DELETED"}),
    Edit("deleted"),
    Edit("history", {"history_start": f"{_HISTORY_START:%Y-%m-%d}"}),
    Edit("rate", {"rate_share": 0.3}),
    Edit("rate", {"rate_share": 7}),  # invalid
    Edit("limits", tables={"max_drop_percent": 10}),
    Edit("limits", tables={"max_drop_percent": 100}),
    *(Edit(f"deselect {table}", tables={"selected": False}, of=(table,)) for table in TABLES),
    *(
        Edit(f"columns {table}", tables={"columns": {**ids_and_ages(table), "_rescued": True}}, of=(table,))
        for table in TABLES
    ),
]


class Chaos(RuleBasedStateMachine):
    """One integration, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.warehouse = MemoryWarehouse()
        self.world = BareWorld(Path(self.folder.name), self.warehouse, soft_deadline_seconds=3, columns=ids_and_ages)
        self.version = 0
        self.edits: dict[str, Edit] = {}
        self.waiting: list[Message] = []
        self.acknowledged: list[Message] = []
        self.deliveries: Counter[str] = Counter()
        self.zombies: list[tuple[Zombie, Message]] = []
        self.ended: dict[str, tuple[JobStatus, str | None]] = {}
        self.finished: set[RunId] = set()
        self.shown: dict[Table, RunId] = {}
        self.change_rows()
        self.publish(Trigger.SCHEDULE)

    # --- messages

    @rule(trigger=st.sampled_from([Trigger.SCHEDULE, Trigger.MANUAL, Trigger.RETRY]))
    def publish(self, trigger: Trigger) -> None:
        self.world.clock.advance(seconds=1)  # run ids sort by the second of their start
        self.waiting.append(self.world.trigger(trigger))

    @precondition(lambda self: self.waiting)
    @rule(which=PICK)
    def deliver(self, which: int) -> None:
        self._deliver(self._pick(which))

    @precondition(lambda self: self.waiting)
    @rule(which=PICK, kind=st.sampled_from(Kind), call=CALL)
    def deliver_with_a_failure(self, which: int, kind: Kind, call: tuple[str, int]) -> None:
        self._deliver(self._pick(which), HookAt(call, kind.inject))

    @precondition(lambda self: self.waiting)
    @rule(which=PICK, call=CALL, then=st.sampled_from(Kind), next_call=CALL)
    def deliver_with_a_failure_that_needs_a_person(
        self, which: int, call: tuple[str, int], then: Kind, next_call: tuple[str, int]
    ) -> None:
        """One call fails permanently, and a later call of the same invocation may fail too."""
        self._deliver(self._pick(which), HookAt(call, refuse), HookAt(next_call, then.inject))

    @rule(late=st.booleans(), newer=st.booleans())
    def deliver_all(self, *, late: bool, newer: bool) -> None:
        """Deliver all messages without faults; maybe after the lease has ended, or after a newer trigger."""
        self.world.clock.advance(seconds=late * self.world.limits.lease_seconds)
        if newer:
            self.publish(Trigger.MANUAL)
        for _ in range(_MAX_DELIVERIES):
            if not self.waiting:
                return
            message = self._pick(-newer)
            self._deliver(message)
            assert message not in self.waiting or self.deliveries[message.message_id] < MAX_DELIVERIES, (
                "the message is a dead letter"
            )
            self.world.clock.advance(minutes=1)
        raise AssertionError("the messages never end")

    @precondition(lambda self: self.acknowledged)
    @rule(which=PICK)
    def deliver_an_acknowledged_message_again(self, which: int) -> None:
        self._deliver(self.acknowledged[which % len(self.acknowledged)])

    # --- processes

    @precondition(lambda self: self.waiting and len(self.zombies) < _MAX_ZOMBIES)
    @rule(which=PICK, call=WRITE)
    def deliver_to_a_process_that_stalls(self, which: int, call: tuple[str, int]) -> None:
        message = self._pick(which)

        def work(zombie: Zombie) -> None:
            def stall(_name: str, effect: Effect) -> Any:
                zombie.pause()
                return effect()

            self.world.deliver(message, self._build_ports(HookAt(call, stall)))

        zombie = Zombie(work)
        self.zombies.append((zombie, message))
        zombie.start()
        self._check_ended(zombie, message, answers=True)

    @precondition(lambda self: self.zombies)
    @rule(which=PICK, answers=st.booleans())
    def resume(self, which: int, *, answers: bool) -> None:
        """Resume a stalled process. Its answer may come too late, so that Pub/Sub ignores it."""
        zombie, message = self.zombies[which % len(self.zombies)]
        zombie.resume()
        self._check_ended(zombie, message, answers=answers)

    @precondition(lambda self: self.zombies)
    @rule(which=PICK)
    def kill(self, which: int) -> None:
        zombie, message = self.zombies[which % len(self.zombies)]
        zombie.kill()
        self._check_ended(zombie, message, answers=False)

    # --- versions of the code

    @rule()
    def deploy_code_with_other_columns(self) -> None:
        self.world.deploy_other_columns()

    @rule()
    def upgrade_from_an_older_release(self) -> None:
        self.world.upgrade()

    # --- people, and time

    @rule(minutes=st.sampled_from([1, 11, 70, 1440]))
    def let_time_pass(self, minutes: int) -> None:
        self.world.clock.advance(minutes=minutes)

    @precondition(lambda self: self._has_no_run())
    @rule()
    def change_rows(self) -> None:
        """Change the organisation's rows. Never during a run, so that a complete extract has one version."""
        self.version += 1
        self.world.organisation.records = {table: to_records(table, self.version) for table in TABLES}

    @rule(edit=st.sampled_from(EDITS), corrected=st.booleans())
    def edit_the_document(self, edit: Edit, *, corrected: bool) -> None:
        """Edit the document once. Sometimes undo all earlier edits first."""
        if corrected:
            self.edits.clear()
        self.edits[edit.what] = edit
        self._save()

    # --- what always holds

    @invariant()
    def every_table_is_one_complete_extract(self) -> None:
        for table in TABLES:
            rows = self.warehouse.live.get(to_live_name(ACME, table))
            if rows is None:
                continue
            (run_id,) = {RunId(row["_batch_id"]) for row in rows}
            (version,) = {int(row["type"].split()[1]) for row in rows}
            assert len({tuple(row) for row in rows}) == 1, "rows of two schemas"
            ids = sorted(row["id"] for row in rows)
            assert ids in (list_ids(table, version), list_ids(table, version, since=_HISTORY_START))
            assert run_id >= self.shown.get(table, ""), "the table is of an older run than before"
            self.shown[table] = run_id

    @invariant()
    def what_has_ended_does_not_change(self) -> None:
        recorded = self.world.runs.recorded.values()
        state = self.world.runs.fetch(ACME)
        finished = {run.run_id for run in recorded if run.finished_at}
        assert self.finished <= finished, "a finished run document became unfinished"
        self.finished = finished
        recorded_jobs = [*self.warehouse.jobs, *(job for run in recorded if run.finished_at for job in run.jobs)]
        for job in (
            *recorded_jobs,
            *(job for job in (state.jobs if state else ()) if job.status is not JobStatus.RUNNING),
        ):
            assert job.status is not JobStatus.RUNNING
            assert self.ended.setdefault(job.job_id, (job.status, job.error_code)) == (job.status, job.error_code)
            if job.status is JobStatus.SUCCEEDED:
                assert self.shown[job.table] >= job.run_id, "the table of a run that succeeded is not published"

    @invariant()
    def an_unfinished_run_will_be_resumed(self) -> None:
        state = self.world.runs.fetch(ACME)
        if state is None or state.finished_at is not None:
            return
        now = max(self.world.clock.now(), state.lease_until or self.world.clock.now())
        decisions = {decide(state, message, now, self.world.limits) for message in self.waiting}
        assert decisions & {Decision.START, Decision.TAKE_OVER}, "no message will resume the run"

    def teardown(self) -> None:
        """Correct the document. Then every message and process ends, and a new run succeeds."""
        try:
            for zombie, message in list(self.zombies):
                while not zombie.ended:
                    zombie.resume()
                self._check_ended(zombie, message, answers=True)
            self._finish_all()
            self.edits = {edit.what: edit for edit in [Edit("limits", tables={"max_drop_percent": 100})]}
            self._save()
            self.change_rows()
            self.world.clock.advance(hours=24)
            self.publish(Trigger.SCHEDULE)
            self._finish_all()
            self._check_the_end()
        finally:
            for zombie, _ in self.zombies:
                zombie.kill()
            self.folder.cleanup()

    # --- helpers

    def _pick(self, which: int) -> Message:
        return self.waiting[which % len(self.waiting)]

    def _build_ports(self, *faults: HookAt) -> Ports:
        """Build the ports of one invocation, with its faults."""

        def hook(name: str, effect: Effect) -> Any:
            for fault in faults:
                effect = partial(fault, name, effect)
            return effect()

        return intercept(self.world.ports, hook)

    def _deliver(self, message: Message, *faults: HookAt) -> None:
        """Deliver a message, and acknowledge it as functions/main.py does: also after an error that needs a person."""
        self.deliveries[message.message_id] += 1
        try:
            self.world.deliver(message, self._build_ports(*faults))
        except (RetryLater, Killed):
            pass
        except NeedsPerson:
            self._acknowledge(message)
        else:
            self._acknowledge(message)
        self._collect()

    def _check_ended(self, zombie: Zombie, message: Message, *, answers: bool) -> None:
        self._collect()
        if not zombie.ended:
            return
        self.zombies.remove((zombie, message))
        if not isinstance(zombie.error, RetryLater | NeedsPerson | Killed | None):
            raise zombie.error
        if answers and not isinstance(zombie.error, RetryLater | Killed):
            self._acknowledge(message)

    def _acknowledge(self, message: Message) -> None:
        """Acknowledge a message, even if another delivery of it is still in progress."""
        if message in self.waiting:
            self.waiting.remove(message)
            self.acknowledged.append(message)

    def _collect(self) -> None:
        self.waiting.extend(self.world.queue.messages)
        self.world.queue.messages.clear()

    def _save(self) -> None:
        if "deleted" in self.edits:
            self.world.delete()
            return
        document: dict[str, Any] = {}
        tables: dict[Table, dict[str, Any]] = {table: {} for table in TABLES}
        for edit in self.edits.values():
            document |= edit.document
            for table in edit.of:
                tables[table] |= edit.tables
        self.world.configure({table.value: settings for table, settings in tables.items()}, **document)

    def _has_no_run(self) -> bool:
        state = self.world.runs.fetch(ACME)
        return state is None or state.finished_at is not None

    def _finish_all(self) -> None:
        self.deliver_all(late=False, newer=False)
        assert self._has_no_run(), "a run never ended"

    def _check_the_end(self) -> None:
        self.every_table_is_one_complete_extract()
        self.what_has_ended_does_not_change()
        state = self.world.runs.fetch(ACME)
        assert state is not None
        assert {job.table: job.status for job in state.jobs} == dict.fromkeys(TABLES, JobStatus.SUCCEEDED)
        assert set(self.shown.values()) == {state.run_id}
        listed = {chunk.name for table in state.tables.values() for chunk in table.chunks}
        assert not listed & set(self.warehouse.staging)
        finishes = [
            (scope.run_id, event) for scope, event in self.world.log.entries if isinstance(event, events.RunFinished)
        ]
        incomplete = {run_id for run_id, event in finishes if event.error}
        for run_id, run in self.world.runs.recorded.items():
            if run_id not in incomplete:
                assert run.finished_at
                assert {job.job_id for job in run.jobs} <= {job.job_id for job in self.warehouse.jobs}


class HookAt:
    """A hook that does something at one call: the first of its name, or a later one."""

    def __init__(self, call: tuple[str, int], act: Callable[[str, Effect], Any]) -> None:
        self._name, self._left = call
        self._act = act

    def __call__(self, name: str, effect: Effect) -> Any:
        self._left -= name == self._name
        if name == self._name and self._left == -1:
            return self._act(name, effect)
        return effect()


def refuse(name: str, effect: Effect) -> Any:
    """Fail permanently, if this call can."""
    for prefix, build in _NEEDS_A_PERSON.items():
        if name.startswith(prefix):
            raise build()
    return effect()


def run_chaos(seed: int, examples: int) -> None:
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Chaos), settings=settings)
    except BaseException:
        print(f"\nrepeat it: CHAOS_SEED={seed} make chaos SECONDS=1")  # noqa: T201 - pytest shows it
        raise


@pytest.mark.parametrize("seed", _SEEDS)
def test_tables_are_always_complete_and_runs_always_end(seed: int) -> None:
    run_chaos(seed, _EXAMPLES)


if "CHAOS_SECONDS" in os.environ:

    def test_for_a_given_time(capsys: pytest.CaptureFixture[str]) -> None:
        end = time.monotonic() + float(os.environ["CHAOS_SECONDS"])
        seed = first = int(os.environ.get("CHAOS_SEED", time.time()))
        while time.monotonic() < end:
            run_chaos(seed, _EXAMPLES)
            seed += 1
        with capsys.disabled():
            print(f"\nseeds {first} to {seed - 1}, {_EXAMPLES} examples of up to {_STEPS} steps each")  # noqa: T201
