"""Stored values are read as they were written, are small, and may lack fields that an older release did not have."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kustomer_extract.adapters.codec import parse_rows, parse_state_document, to_row, to_state_document
from kustomer_extract.errors import StateUnreadable
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
from tests.strategies import steady

ACME = IntegrationName("acme")
RUN = RunId("20261123t030000z-1a2b3c4d")

moments = st.datetimes(timezones=st.just(UTC))
maybe_moments = st.none() | moments
counts = st.integers(min_value=0, max_value=2**53)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=10,
)
T = TypeVar("T")


def builds(kind: type[T], **values: st.SearchStrategy[object]) -> st.SearchStrategy[T]:
    """Build a strategy for a dataclass. It needs a strategy for each field, so a new field cannot be forgotten."""
    assert values.keys() == {field.name for field in fields(kind) if field.compare}  # type: ignore[arg-type]  # a dataclass
    return st.builds(kind, **values)


chunks = builds(Staged, name=st.from_regex(r"\w{1,40}", fullmatch=True), rows=counts)


def jobs(table: Table) -> st.SearchStrategy[Job]:
    return builds(
        Job,
        job_id=st.text(),
        run_id=st.just(RUN),
        integration=st.just(ACME),
        table=st.just(table),
        config_hash=st.text(),
        status=st.sampled_from(JobStatus),
        error_code=st.none() | st.text(),
        error=st.none() | st.text(),
        started_at=maybe_moments,
        finished_at=maybe_moments,
        published_at=maybe_moments,
        rows=counts,
        pages=counts,
        bytes=counts,
        duplicates=counts,
        drift=st.dictionaries(st.text(), counts, max_size=5),
        custom_names=st.dictionaries(st.text(), counts, max_size=5),
        retries=counts,
        expected_rows=st.none() | counts,
        proven_by=st.sampled_from(Proof),
        short_pages=counts,
        unreadable_rows=counts,
        columns_added=st.lists(st.text(), max_size=3).map(tuple),
        columns_removed=st.lists(st.text(), max_size=3).map(tuple),
    )


def tables(table: Table) -> st.SearchStrategy[TableState]:
    return builds(
        TableState,
        job=jobs(table),
        cursor=st.none() | st.text().map(Cursor),
        chunks=st.lists(chunks, max_size=5).map(tuple),
        extracted=st.booleans(),
    )


def states(with_tables: st.SearchStrategy[dict[Table, TableState]]) -> st.SearchStrategy[RunState]:
    return builds(
        RunState,
        integration=st.just(ACME),
        run_id=st.just(RUN),
        trigger=st.sampled_from(Trigger),
        published_at=moments,
        started_at=moments,
        hop=counts,
        holder_hop=st.none() | counts,
        attempt=counts,
        failures=counts,
        lease_until=maybe_moments,
        next_delivery_due=maybe_moments,
        finished_at=maybe_moments,
        document=st.dictionaries(st.text(), json_values, max_size=5),
        config_hash=st.text(),
        schema_hash=st.text(),
        tables=with_tables,
    )


@steady
@given(states(st.fixed_dictionaries({}, optional={table: tables(table) for table in Table})))
def test_every_state_is_read_from_its_document(state: RunState) -> None:
    restored = parse_state_document(ACME, to_state_document(state), version="v")

    assert replace(restored, version=None) == state
    assert list(restored.tables) == [table for table in Table if table in state.tables]


@steady
@given(states(st.just({})), st.data())
def test_a_state_that_lacks_fields_is_read_with_their_defaults(state: RunState, data: st.DataObject) -> None:
    document = to_state_document(replace(state, tables={Table.CONVERSATIONS: draw_table(data)}))
    job = document["tables"]["conversations"]["job"]
    for values in (document, document["tables"]["conversations"], job):
        for name in data.draw(st.sets(st.sampled_from(sorted(values.keys() - {"run_id", "tables", "job"})))):
            del values[name]

    restored = parse_state_document(ACME, document, version=None)

    assert restored.run_id == RUN
    assert restored.tables[Table.CONVERSATIONS].job.rows == job.get("rows", 0)


def draw_table(data: st.DataObject) -> TableState:
    return data.draw(tables(Table.CONVERSATIONS))


def test_a_state_needs_only_its_run_id() -> None:
    began = datetime(2026, 11, 23, 3, tzinfo=UTC)

    restored = parse_state_document(ACME, {"run_id": RUN, "of a later release": 1}, version=None)

    assert restored == RunState(
        integration=ACME, run_id=RUN, trigger=Trigger.SCHEDULE, published_at=began, started_at=began
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"run_id": "no time"},
        {"run_id": RUN, "trigger": "odd"},
        {"run_id": RUN, "hop": "many"},
        {"run_id": RUN, "document": "{"},
        {"run_id": RUN, "tables": {"conversations": {"chunks": "[]"}}},
        {"run_id": RUN, "tables": {"conversations": {"job": {"status": "odd"}}}},
        {"run_id": RUN, "tables": [1]},
    ],
    ids=str,
)
def test_an_invalid_state_is_unreadable(document: dict[str, object]) -> None:
    with pytest.raises(StateUnreadable):
        parse_state_document(ACME, document, version=None)


def test_jobs_of_an_unknown_table_are_left_out() -> None:
    job = Job(job_id="j", run_id=RUN, integration=ACME, table=Table.CONVERSATIONS, config_hash="")

    assert parse_rows([to_row(job), {**to_row(job), "table_name": "of a later release"}]) == [job]


def test_a_chunk_takes_twenty_bytes() -> None:
    names = [f"acme_conversations__20261123t030000z_1a2b3c4d__2_{number}" for number in range(1000)]
    job = Job(job_id="j", run_id=RUN, integration=ACME, table=Table.CONVERSATIONS, config_hash="")
    progress = TableState(job=job, chunks=tuple(Staged(name=name, rows=20_000) for name in names))
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    state = RunState(
        integration=ACME,
        run_id=RUN,
        trigger=Trigger.SCHEDULE,
        published_at=noon,
        started_at=noon,
        tables={Table.CONVERSATIONS: progress},
    )

    document = to_state_document(state)

    assert len(document["tables"]["conversations"]["chunks"]) < 20 * len(names)
