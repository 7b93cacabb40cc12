"""The timings hold together: the limits of the code, and what Terraform tells Google."""

from __future__ import annotations

import re
from itertools import accumulate, repeat
from pathlib import Path

from kustomer_extract.adapters.bigquery.work import Timeouts
from kustomer_extract.adapters.kustomer import http, prefetch
from kustomer_extract.pipeline.limits import Limits

INFRA = Path(__file__).parents[2] / "infra"
LIMITS = Limits()
TIMEOUTS = Timeouts()
HOUR = 3600
REQUESTS_OF_AN_UPLOAD = 2  # where the chunk is larger than 5 MiB


def read_number(file: str, name: str) -> float:
    """Read ``name = 540`` or ``name = "540s"`` from a Terraform file, where it stands once."""
    (value,) = set(re.findall(rf'^\s*{name}\s*=\s*"?(\d+)s?"?', (INFRA / file).read_text(), re.MULTILINE))
    return float(value)


TIMEOUT = read_number("function.tf", "_timeout_seconds")
ACK_DEADLINE = read_number("function.tf", "_ack_deadline_seconds")
MIN_BACKOFF = read_number("messages.tf", "minimum_backoff")
MAX_BACKOFF = read_number("messages.tf", "maximum_backoff")
DELIVERIES = int(read_number("messages.tf", "max_delivery_attempts"))


def test_the_last_load_ends_before_the_function_does_and_the_function_before_the_acknowledgement_is_due() -> None:
    assert LIMITS.soft_deadline_seconds + LIMITS.load_seconds < TIMEOUT < ACK_DEADLINE


def test_the_last_chunk_is_uploaded_in_the_time_that_its_load_has() -> None:
    cut_off = prefetch._POLL_SECONDS * prefetch._MAX_POLLS  # of the pages under way
    upload = REQUESTS_OF_AN_UPLOAD * (1 + TIMEOUTS.upload_retries) * TIMEOUTS.upload_seconds

    assert cut_off + upload < LIMITS.load_seconds


def test_terraform_sets_the_soft_deadline_that_the_code_has() -> None:
    assert read_number("function.tf", "_soft_deadline_seconds") == LIMITS.soft_deadline_seconds


def test_a_lease_outlives_the_invocation_that_holds_it() -> None:
    assert LIMITS.lease_seconds > TIMEOUT


def test_a_run_that_was_let_go_is_waited_for_longer_than_pub_sub_takes_to_deliver_again() -> None:
    assert LIMITS.redelivery_seconds > MAX_BACKOFF


def test_an_outage_of_four_hours_is_survived() -> None:
    waits = accumulate(repeat(MIN_BACKOFF, DELIVERIES - 1), lambda wait, _: min(2 * wait, MAX_BACKOFF))

    assert sum(waits) >= 4 * HOUR


def test_the_run_gives_up_by_itself_before_its_message_becomes_a_dead_letter() -> None:
    assert LIMITS.max_failures + 1 < DELIVERIES


def test_a_trigger_is_dropped_by_the_code_before_pub_sub_forgets_it() -> None:
    retention = min(
        map(float, re.findall(r'message_retention_duration = "(\d+)s"', (INFRA / "messages.tf").read_text()))
    )

    assert LIMITS.max_trigger_age_hours * HOUR < retention


def test_a_run_ends_before_the_trigger_after_the_next() -> None:
    assert LIMITS.max_run_hours < 24
    assert LIMITS.max_hops * LIMITS.soft_deadline_seconds > LIMITS.max_run_hours * HOUR


def test_one_answer_of_kustomer_fits_into_an_invocation() -> None:
    assert http._CONNECT_SECONDS + http._READ_SECONDS < http._ANSWER_SECONDS < LIMITS.soft_deadline_seconds
