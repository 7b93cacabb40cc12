"""The contract of `RunStore`: a write succeeds only with the version of the last write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.adapters.laptop.runs import MemoryRunStore
from kustomer_extract.errors import TakenOver
from kustomer_extract.models import (
    Cursor,
    IntegrationName,
    Job,
    JobStatus,
    Proof,
    RunId,
    RunState,
    Staged,
    Table,
    TableState,
    Trigger,
)
from tests.contract.cloud_adapters import CloudClients, build_run_store

if TYPE_CHECKING:
    from kustomer_extract.ports import RunStore

ACME = IntegrationName("acme")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = RunId("20261123t120000z-1a2b3c4d")


@pytest.fixture(params=["memory", "firestore", pytest.param("emulator", marks=pytest.mark.emulator)])
def store(request: pytest.FixtureRequest) -> RunStore:
    if request.param == "memory":
        return MemoryRunStore()
    clients: CloudClients = request.getfixturevalue("clients" if request.param == "firestore" else "emulated_clients")
    return build_run_store(clients)


def build_state(integration: IntegrationName = ACME, run_id: RunId = RUN) -> RunState:
    return RunState(
        integration=integration, run_id=run_id, trigger=Trigger.SCHEDULE, published_at=NOON, started_at=NOON
    )


def build_full_state() -> RunState:
    """Build a state in which every field has a value."""
    job = Job(
        job_id=f"{RUN}-conversations",
        run_id=RUN,
        integration=ACME,
        table=Table.CONVERSATIONS,
        config_hash="0123456789ab",
        status=JobStatus.FAILED,
        error_code="guard_refused",
        error="what to do",
        started_at=NOON.replace(microsecond=123456),
        finished_at=NOON,
        published_at=NOON,
        rows=2**40,
        pages=7,
        bytes=2**41,
        duplicates=3,
        drift={"/attributes/*/a.b~1c": 2},
        retries=4,
        expected_rows=2**40,
        proven_by=Proof.TOTAL,
        short_pages=2,
        unreadable_rows=1,
        columns_added=("attributes.custom",),
        columns_removed=("links", "attributes.preview"),
    )
    chunks = tuple(Staged(name=f"acme_conversations__r__1_{number}", rows=20_000 + number) for number in range(3))
    waiting = Job(job_id="w", run_id=RUN, integration=ACME, table=Table.SATISFACTION, config_hash="")
    return replace(
        build_state(),
        trigger=Trigger.MANUAL,
        hop=2,
        holder_hop=1,
        attempt=5,
        failures=1,
        lease_until=NOON,
        next_delivery_due=NOON,
        finished_at=NOON,
        document={"org": "acme", "history_start": None, "tables": {"satisfaction": {"columns": {"links": False}}}},
        config_hash="0123456789ab",
        schema_hash="ba9876543210",
        tables={
            Table.SATISFACTION: TableState(job=waiting),
            Table.CONVERSATIONS: TableState(job=job, cursor=Cursor("opaque 201"), chunks=chunks, extracted=True),
        },
    )


def test_there_is_no_state_before_the_first_run(store: RunStore) -> None:
    assert store.fetch(ACME) is None


@pytest.mark.parametrize("state", [build_state(), build_full_state()], ids=["new", "full"])
def test_what_was_saved_is_fetched(store: RunStore, state: RunState) -> None:
    saved = store.save(state)

    fetched = store.fetch(ACME)
    assert fetched == saved == state
    assert fetched is not None
    assert list(fetched.tables) == list(state.tables)


def test_every_write_needs_the_version_of_the_one_before(store: RunStore) -> None:
    first = store.save(build_state())
    second = store.save(replace(first, hop=1))
    third = store.save(replace(second, hop=2))

    assert store.fetch(ACME) == third
    assert third.hop == 2


def test_a_fetched_state_can_be_saved(store: RunStore) -> None:
    store.save(build_state())
    fetched = store.fetch(ACME)
    assert fetched is not None

    store.save(replace(fetched, hop=1))

    assert store.fetch(ACME) == replace(fetched, hop=1)


def test_an_old_version_is_refused_and_changes_nothing(store: RunStore) -> None:
    first = store.save(build_state())
    second = store.save(replace(first, hop=1))

    with pytest.raises(TakenOver):
        store.save(replace(first, hop=99))

    assert store.fetch(ACME) == second


def test_a_write_of_the_same_values_is_also_a_new_version(store: RunStore) -> None:
    first = store.save(build_state())
    store.save(first)

    with pytest.raises(TakenOver):
        store.save(first)


def test_a_first_write_is_refused_if_there_is_a_state(store: RunStore) -> None:
    store.save(build_state())

    with pytest.raises(TakenOver):
        store.save(build_state(run_id=RunId("another")))


def test_only_one_of_many_writers_succeeds(store: RunStore) -> None:
    base = store.save(build_state())

    def write(hop: int) -> int | None:
        try:
            return store.save(replace(base, hop=hop)).hop
        except TakenOver:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [hop for hop in pool.map(write, range(1, 9)) if hop]

    assert len(winners) == 1
    fetched = store.fetch(ACME)
    assert fetched is not None
    assert fetched.hop == winners[0]


def test_integrations_do_not_share_a_state(store: RunStore) -> None:
    store.save(build_state())

    other = store.save(build_state(IntegrationName("acme_eu")))

    assert store.fetch(IntegrationName("acme_eu")) == other
    assert store.fetch(ACME) == build_state()


def test_recording_a_run_twice_does_not_change_its_state(store: RunStore) -> None:
    saved = store.save(build_full_state())

    store.record(saved)
    store.record(saved)

    assert store.save(replace(saved, hop=3)).hop == 3
