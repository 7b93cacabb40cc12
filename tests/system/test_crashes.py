"""Processes are killed, stall, or run twice. In the end the tables are complete, and every job has one end."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.system.installation import Function, Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.standins.google.pubsub import Published

pytestmark = pytest.mark.long
TIMEOUT_SECONDS = 60


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@contextmanager
def delivery(function: Function, message: Published, *, timeout: float = 120) -> Iterator[list[int]]:
    """Deliver a message in a thread. The statuses are complete after the block."""
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(function.push(message, timeout=timeout)))
    thread.start()
    yield statuses
    thread.join()


def is_held(installation: Installation) -> bool:
    """Whether the test holds a job."""
    return any(job.polls_left for job in list(installation.cloud.bigquery.jobs.all.values()))


def release_jobs(installation: Installation) -> None:
    """Let every held job take effect at the next request for it."""
    for job in installation.cloud.bigquery.jobs.all.values():
        job.polls_left = min(job.polls_left, 1)


def assert_complete(installation: Installation, *, runs: int = 1) -> None:
    """Check that both tables are complete, `_jobs` has each job once, and the run document is final."""
    organisation = installation.kustomer.organisation
    assert installation.read_ids("conversations") == sorted(organisation.ids("conversations"))
    assert installation.read_ids("satisfaction") == sorted(organisation.ids("satisfaction"))
    jobs = installation.read_jobs()
    assert [(job["table_name"], job["status"], job["rows"]) for job in jobs] == [
        ("satisfaction", "SUCCEEDED", 12),
        ("conversations", "SUCCEEDED", len(organisation.conversations)),
    ] * runs
    document = installation.read_run(jobs[-1]["run_id"])
    assert document is not None
    assert (document["status"], document["color"]) == ("SUCCEEDED", "green")


@contextmanager
def successor(installation: Installation) -> Iterator[Function]:
    """Start a second instance, which gets all messages from now on."""
    first, installation.function = installation.function, installation.start_function()
    try:
        yield first
    finally:
        first.signal(signal.SIGKILL)
        first.close()


def while_a_page_is_read(installation: Installation) -> bool:
    return any(request.table == "conversations" and not request.ended for request in installation.kustomer.requests)


def hold(job: str, nth: int) -> Callable[[Installation], None]:
    """Keep the nth job of a kind RUNNING until the process is killed."""
    return lambda installation: installation.cloud.bigquery.faults.hold(job, nth=nth)


def slow_down(installation: Installation) -> None:
    installation.kustomer.latency_seconds = 0.3


@pytest.mark.parametrize(
    ("arrange", "moment"),
    [
        pytest.param(slow_down, while_a_page_is_read, id="while a page is read"),
        pytest.param(hold("load", 2), is_held, id="while a chunk is loaded"),
        pytest.param(hold("copy", 3), is_held, id="while chunks are assembled"),
        pytest.param(hold("copy", 4), is_held, id="while a table is published"),
        pytest.param(hold("load", 3), is_held, id="while _jobs is written"),
    ],
)
def test_a_killed_process_is_replaced_by_redelivery(
    installation: Installation, arrange: Callable[[Installation], None], moment: Callable[[Installation], bool]
) -> None:
    arrange(installation)
    message = installation.trigger()

    with delivery(installation.function, message) as statuses:
        wait_for(lambda: moment(installation))
        installation.function.signal(signal.SIGKILL)
    release_jobs(installation)
    with successor(installation):
        installation.run(message)

    assert statuses == [0]
    assert_complete(installation)


def test_the_next_delivery_takes_over_from_one_that_timed_out_and_still_works() -> None:
    with Installation() as installation:  # not the shared one, because the end of its thread is unknown
        installation.cloud.bigquery.faults.hold("load", nth=2)
        message = installation.trigger()

        assert installation.function.push(message, timeout=1) == 0  # Pub/Sub gets no response, but the thread continues
        wait_for(lambda: is_held(installation))
        release_jobs(installation)
        installation.run(message)

        assert_complete(installation)


def test_two_instances_with_the_same_message_at_once_publish_one_extract(installation: Installation) -> None:
    installation.kustomer.latency_seconds = 0.1
    message = installation.trigger()
    other = installation.start_function()
    try:
        with delivery(other, message) as statuses:
            installation.run(message)
    finally:
        other.close()

    if statuses != [200]:
        installation.run(message)
    assert_complete(installation)


def test_a_stalled_process_that_resumes_after_its_successor_has_finished_changes_nothing(
    installation: Installation,
) -> None:
    installation.cloud.bigquery.faults.hold("copy", nth=4)  # it is about to publish
    message = installation.trigger()

    with delivery(installation.function, message):
        wait_for(lambda: is_held(installation))
        installation.function.signal(signal.SIGSTOP)
        release_jobs(installation)
        with successor(installation) as stalled:
            installation.run(message)
            installation.kustomer.organisation.delete(0)
            installation.run()
            stalled.signal(signal.SIGCONT)
            wait_for(lambda: "run_skipped" in stalled.read_output())

    ids = sorted(installation.kustomer.organisation.ids("conversations"))
    assert installation.read_ids("conversations") == ids
    assert len(installation.read_jobs()) == 4
