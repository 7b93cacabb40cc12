"""The timings of the code and of Terraform are consistent."""

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
REQUESTS_OF_AN_UPLOAD = 2  # if the chunk is larger than 5 MiB


def read_number(file: str, name: str) -> float:
    """Read ``name = 540`` or ``name = "540s"`` from a Terraform file, which has it once."""
    (value,) = set(re.findall(rf'^\s*{name}\s*=\s*"?(\d+)s?"?', (INFRA / file).read_text(), re.MULTILINE))
    return float(value)


TIMEOUT = read_number("function.tf", "_timeout_seconds")
ACK_DEADLINE = read_number("function.tf", "_ack_deadline_seconds")
MIN_BACKOFF = read_number("messages.tf", "minimum_backoff")
MAX_BACKOFF = read_number("messages.tf", "maximum_backoff")
DELIVERIES = int(read_number("messages.tf", "max_delivery_attempts"))


def test_the_last_load_ends_before_the_function_and_the_function_before_the_ack_deadline() -> None:
    assert LIMITS.soft_deadline_seconds + LIMITS.load_seconds < TIMEOUT < ACK_DEADLINE


def test_the_last_chunk_is_uploaded_in_the_time_that_its_load_has() -> None:
    cut_off = prefetch._POLL_SECONDS * prefetch._MAX_POLLS  # of the pages in progress
    upload = REQUESTS_OF_AN_UPLOAD * (1 + TIMEOUTS.upload_retries) * TIMEOUTS.upload_seconds

    assert cut_off + upload < LIMITS.load_seconds


def test_terraform_and_the_code_have_the_same_soft_deadline() -> None:
    assert read_number("function.tf", "_soft_deadline_seconds") == LIMITS.soft_deadline_seconds


def test_a_lease_lasts_longer_than_an_invocation() -> None:
    assert LIMITS.lease_seconds > TIMEOUT


def test_a_released_run_is_waited_for_longer_than_the_backoff_of_pub_sub() -> None:
    assert LIMITS.redelivery_seconds > MAX_BACKOFF


def test_a_run_survives_an_outage_of_four_hours() -> None:
    waits = accumulate(repeat(MIN_BACKOFF, DELIVERIES - 1), lambda wait, _: min(2 * wait, MAX_BACKOFF))

    assert sum(waits) >= 4 * HOUR


def test_the_run_gives_up_by_itself_before_its_message_becomes_a_dead_letter() -> None:
    assert LIMITS.max_failures + 1 < DELIVERIES


def test_the_code_drops_a_trigger_before_its_retention_ends() -> None:
    retention = min(
        map(float, re.findall(r'message_retention_duration = "(\d+)s"', (INFRA / "messages.tf").read_text()))
    )

    assert LIMITS.max_trigger_age_hours * HOUR < retention


def test_a_run_ends_before_the_trigger_after_the_next() -> None:
    assert LIMITS.max_run_hours < 24
    assert LIMITS.max_hops * LIMITS.soft_deadline_seconds > LIMITS.max_run_hours * HOUR


def test_one_response_of_kustomer_fits_into_an_invocation() -> None:
    assert http._CONNECT_SECONDS + http._READ_SECONDS < http._ANSWER_SECONDS < LIMITS.soft_deadline_seconds
