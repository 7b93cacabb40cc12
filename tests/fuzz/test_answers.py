"""Any response of Kustomer becomes a page or one of our errors, and any headers a valid wait and pace."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kustomer_extract.adapters.kustomer.answers import check_status, to_content
from kustomer_extract.adapters.kustomer.headers import to_pause_seconds
from kustomer_extract.adapters.kustomer.http import Answer
from kustomer_extract.adapters.kustomer.pace import (
    Pace,
    finish,
    mark,
    start,
    to_in_flight,
    to_wait_seconds,
)
from kustomer_extract.adapters.kustomer.progress import to_list_page
from kustomer_extract.adapters.kustomer.search.requests import to_found
from kustomer_extract.errors import BrokenPage, ExtractError, Transient, Unauthorised
from tests.fuzz.inputs import INPUTS, WORDS, iter_changed, iter_changed_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "https://acme.api.kustomerapp.com"
DATE = "Mon, 23 Nov 2026 03:00:00 GMT"
PAGES: tuple[dict[str, Any], ...] = (
    {
        "data": [{"id": "5fa0", "type": "conversation", "attributes": {"name": "a"}}, {"id": 7}],
        "links": {"self": "/v1/conversations?page=1", "next": "/v1/conversations?page=2&pageSize=100"},
        "meta": {"total": 2},
    },
    {"data": [], "links": {"next": f"{HOST}/v1/conversations?page=2"}, "meta": {"total": 0}},
    {"errors": [{"code": "unauthorized", "title": "no"}]},
)
HEADERS = ("content-type", "date", "location", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining",
           "x-ratelimit-reset")  # fmt: skip
VALUES = (
    *WORDS, DATE, "Mon, 23 Nov 99999 03:00:00 GMT", "Mon, 31 Feb 2026 03:00:00 +9999", "application/json", "text/html",
    "300", "299", "1763866800", "-5", "1e300", "9" * 5000, "٣", "3.5", "https://[", "https://elsewhere.example/x",
)  # fmt: skip


def iter_bodies() -> Iterator[bytes]:
    """Yield changed pages, and changed texts of pages."""
    for page in iter_changed(PAGES, count=INPUTS // 2):
        yield json.dumps(page).encode()
    yield b"[" * 100_000
    yield b'{"data": [{"id": ' + b"9" * 5000 + b"}]}"
    yield b'{"data": [{"id": "1"}], "links": {"next": "?page=' + b"9" * 5000 + b'"}}'
    for text in iter_changed_texts([json.dumps(page) for page in PAGES], count=INPUTS // 2):
        yield text.encode(errors="surrogatepass")


def test_any_body_is_a_page_or_one_of_our_errors() -> None:
    pages = found = 0
    for body in iter_bodies():
        with suppress(Transient, BrokenPage):
            content = to_content(body, {}, where="x")
            answer = Answer(content=content, size_bytes=len(body), retries=0, headers={"date": DATE})
            with suppress(BrokenPage):
                assert len(to_list_page(answer, 1, base_url=HOST).ids) == len(content.records)
                pages += 1
            assert to_found(answer).total >= 0
            found += 1

    assert pages > INPUTS / 20
    assert found > INPUTS / 50


def iter_headers() -> Iterator[dict[str, str]]:
    rng = random.Random(7)
    for _ in range(INPUTS):
        yield {name: rng.choice(VALUES) for name in HEADERS if rng.random() < 0.6}


def test_any_headers_give_a_finite_wait_and_a_valid_pace() -> None:
    now, pace = datetime(2026, 11, 23, 3, tzinfo=UTC), Pace(share=0.6)

    for number, headers in enumerate(iter_headers()):
        assert 0 <= to_pause_seconds(headers, now=now, refusals=number % 20, jitter=0.5) <= 3600
        pace = finish(start(pace, number), number + 0.2, began=mark(pace, number), headers=headers)
        assert 0 <= to_wait_seconds(pace, number) < 3600
        assert to_in_flight(pace, number) >= 1


def test_any_status_is_a_success_or_one_of_our_errors() -> None:
    rng = random.Random(7)
    bodies = [json.dumps(page).encode() for page in iter_changed(PAGES, count=100)]
    refusals = 0

    for headers in iter_headers():
        status = rng.choice((200, 204, 301, 304, 308, 400, 401, 403, 404, 409, 429, 500, 501, 503, 599, 999, 0))
        try:
            check_status(status, headers, rng.choice(bodies), where="x")
        except (Transient, Unauthorised, BrokenPage) as error:
            refusals += isinstance(error, ExtractError)
        else:
            assert status == 200

    assert refusals > INPUTS / 2
