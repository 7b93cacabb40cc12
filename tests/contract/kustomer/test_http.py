"""One GET at the sandbox: transient failures are retried, permanent ones are not, and no secret is in a message."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from kustomer_extract.adapters.kustomer.gate import Gate
from kustomer_extract.adapters.kustomer.http import Answer, Attempt, Http, Request
from kustomer_extract.errors import BrokenPage, ExtractError, KeyRejected, RetryLater, RoleMissing, Unwanted
from kustomer_extract.events import RateAssumed, RateLimited, Waiting
from kustomer_extract.models import ApiKey, IntegrationName
from tests.standins.clock import HurriedClock, VirtualClock
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kustomer_extract.ports import Clock

KEY = "sandbox-key"
OUTAGES = (
    *("status-408", "status-500", "status-502", "status-503", "status-504", "detail-500", "empty-502", "text-503"),
    *("html-200", "reset-before", "reset-in-body", "close-in-body", "gzip-lie"),
)
NO_PAGES = ("error-200", "not-json", "not-a-page", "empty-body", "half-json", "gzip-truncated")


@dataclass
class Client:
    """The sandbox, an `Http` client for it, and the pauses that were reported."""

    sandbox: Sandbox
    clock: Clock
    http: Http
    pauses: list[RateAssumed | RateLimited] = field(default_factory=list)

    def get(self, page: int = 1, is_wanted: Callable[[], bool] = lambda: True) -> Answer:
        query: dict[str, str | int] = {"page": page, "pageSize": 100}
        role = "org.permission.conversation.read"
        return self.http.get(Request(path="/v1/conversations", query=query, role=role), is_wanted)


def connect(
    sandbox: Sandbox, *, key: str = KEY, url: str | None = None, clock: Clock | None = None, read_seconds: float = 10
) -> Client:
    clock, rng, pauses = clock or VirtualClock(), Random(1), list[RateAssumed | RateLimited]()
    gate = Gate(share=1.0, clock=clock, rng=rng, report=pauses.append, is_documented=True)
    http = Http(
        url or sandbox.url,
        ApiKey(key),
        integration=IntegrationName("acme"),
        gate=gate,
        clock=clock,
        rng=rng,
        read_seconds=read_seconds,
    )
    return Client(sandbox, clock, http, pauses)


@pytest.fixture
def client() -> Iterator[Client]:
    with Sandbox(conversations=25) as sandbox:
        client = connect(sandbox)
        yield client
        client.http.close()


def statuses(client: Client) -> list[int | None]:
    return [request.status for request in client.sandbox.requests]


def test_a_page_is_received_completely(client: Client) -> None:
    answer = client.get()

    assert [record.id for record in answer.content.records] == client.sandbox.organisation.ids()
    assert answer.retries == 0
    assert client.sandbox.requests[0].path == "/v1/conversations?page=1&pageSize=100"


def test_gzip_is_requested_and_the_size_is_that_of_the_unpacked_page(client: Client) -> None:
    plain = client.get()

    client.sandbox.compress = True
    packed = client.get()

    assert (packed.content, packed.size_bytes) == (plain.content, plain.size_bytes)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.size_bytes > 50_000


def test_an_outage_is_reported_once_although_other_requests_come_through(client: Client) -> None:
    client.sandbox.add_fault(Fault(page=3, status=503, times=10))
    said = list[Waiting]()
    client.http._report = said.append

    def ask_for_another(attempt: Attempt) -> None:
        if attempt.status == 503:
            client.get(1)

    client.http.watch = ask_for_another
    client.get(3)
    assert [event.reason for event in said] == ["connection lost, trying again for 3 minutes"]

    client.sandbox.add_fault(Fault(page=3, status=503, times=10))
    client.get(3)
    assert len(said) == 2


def test_an_outage_after_one_that_did_not_end_is_reported_too(client: Client) -> None:
    said = list[Waiting]()
    client.http._report = said.append
    client.sandbox.add_fault(Fault(page=3, status=503))
    with pytest.raises(RetryLater):
        client.get(3)
    client.get(1)

    client.sandbox.add_fault(Fault(page=4, status=503, times=5))
    client.get(4)

    assert len(said) == 2


@pytest.mark.parametrize("name", [*OUTAGES, *NO_PAGES, "status-429"])
def test_a_transient_failure_is_retried(client: Client, name: str) -> None:
    client.sandbox.add_fault(replace(CATALOGUE[name], times=2))

    answer = client.get()

    assert (len(answer.content.records), answer.retries) == (25, 2)


@pytest.mark.parametrize("name", OUTAGES)
def test_a_lasting_failure_is_a_transient_error(client: Client, name: str) -> None:
    client.sandbox.add_fault(CATALOGUE[name])

    with pytest.raises(RetryLater, match=rf"^127.0.0.1:{client.sandbox.port}/v1/conversations page 1: "):
        client.get()

    assert 180 <= client.clock.monotonic() < 240
    assert len(client.sandbox.requests) > 6


@pytest.mark.parametrize("name", NO_PAGES)
def test_six_invalid_pages_are_a_broken_page(client: Client, name: str) -> None:
    client.sandbox.add_fault(CATALOGUE[name])

    with pytest.raises(BrokenPage, match="the body is no") as caught:
        client.get()

    assert caught.value.status_code is None
    assert len(client.sandbox.requests) == 6


def test_the_waits_between_attempts_are_within_their_bounds(client: Client) -> None:
    client.sandbox.add_fault(replace(CATALOGUE["status-503"], times=5))

    client.get()

    assert 0 < client.clock.monotonic() <= 1 + 2 + 4 + 8 + 16


@pytest.mark.parametrize("status", [400, 404, 422, 501])
def test_a_permanent_status_is_not_retried(client: Client, status: int) -> None:
    client.sandbox.add_fault(CATALOGUE[f"status-{status}"])

    with pytest.raises(BrokenPage, match=f"status {status} ") as caught:
        client.get()

    assert caught.value.status_code == status
    assert statuses(client) == [status]


@pytest.mark.parametrize(("name", "host"), [("redirect-here", "the same host"), ("redirect-elsewhere", "localhost")])
def test_a_redirect_is_not_followed(client: Client, name: str, host: str) -> None:
    client.sandbox.add_fault(CATALOGUE[name])

    with pytest.raises(BrokenPage, match=f"status 302.*: it leads to {host}, which is not followed"):
        client.get()

    assert statuses(client) == [302]


def test_reading_a_huge_body_stops(client: Client) -> None:
    client.sandbox.add_fault(CATALOGUE["huge"])

    with pytest.raises(BrokenPage, match="longer than 64 MB"):
        client.get()

    assert len(client.sandbox.requests) == 1


def test_unpacking_a_huge_body_stops(client: Client) -> None:
    bomb = gzip.compress(bytes(80_000_000), 1)
    client.sandbox.add_fault(Fault(body=bomb, headers={"Content-Encoding": "gzip"}))

    with pytest.raises(BrokenPage, match="longer than 64 MB"):
        client.get()


@pytest.mark.parametrize("status", [200, 503])
def test_reading_a_very_slow_body_stops(status: int) -> None:
    with Sandbox(conversations=25, faults=[Fault(status=status, trickle_bytes=8, trickle_seconds=0.05)]) as sandbox:
        client = connect(sandbox, clock=HurriedClock(1000))

        with pytest.raises(RetryLater):
            client.get()
        client.http.close()

    assert len(sandbox.requests) <= 2  # each is stopped after two minutes


def test_a_silent_server_is_a_transient_error() -> None:
    with Sandbox(conversations=25, faults=[CATALOGUE["slow"]]) as sandbox:
        client = connect(sandbox, read_seconds=0.02)

        with pytest.raises(RetryLater, match="no answer, or only a part of one"):
            client.get()
        client.http.close()


def test_a_dead_server_is_a_transient_error(client: Client) -> None:
    client.sandbox.add_fault(CATALOGUE["dies"])

    with pytest.raises(RetryLater, match="no answer"):
        client.get()


def test_a_host_without_tls_is_a_transient_error() -> None:
    with Sandbox() as sandbox:
        client = connect(sandbox, url=f"https://127.0.0.1:{sandbox.port}")

        with pytest.raises(RetryLater, match=r"no secure connection .*does not trust the host's certificate"):
            client.get()
        client.http.close()


@pytest.mark.parametrize("settings", [{"expired": True}, {"key": "another"}])
def test_an_invalid_key_has_its_own_error(client: Client, settings: dict[str, object]) -> None:
    for name, value in settings.items():
        setattr(client.sandbox, name, value)

    with pytest.raises(KeyRejected) as caught:
        client.get()

    host = f"127.0.0.1:{client.sandbox.port}"
    assert str(caught.value) == (
        f"the key of acme is rejected by {host} (unauthorized): see that `org` in the configuration is the "
        "organisation that the key was made in; if it is, add a new version of its secret"
    )
    assert [request.table for request in client.sandbox.requests] == ["conversations", "token"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_role_has_its_own_error(client: Client, status: int) -> None:
    client.sandbox.missing_roles = {"conversations": status}  # type: ignore[dict-item]  # one of the two

    with pytest.raises(RoleMissing, match=r"the key of acme is valid.* the role org.permission.conversation.read "):
        client.get()

    assert statuses(client) == [status, 200]


def test_the_key_check_may_also_fail_transiently(client: Client) -> None:
    client.sandbox.missing_roles = {"conversations": 401}
    client.sandbox.add_fault(Fault(table="token", status=503))

    with pytest.raises(RetryLater):
        client.get()


def test_a_key_that_does_not_fit_into_a_header_is_not_sent(client: Client) -> None:
    broken = connect(client.sandbox, key="zażółć\n")

    with pytest.raises(KeyRejected) as caught:
        broken.get()

    assert "zażółć" not in str(caught.value)
    assert client.sandbox.requests == []


def test_a_netrc_does_not_replace_the_key(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    client.get()

    assert statuses(client) == [200]


@pytest.mark.parametrize("retry_after", ["seconds", "date", None])
@pytest.mark.parametrize("reset", ["epoch", "delta", None])
@pytest.mark.parametrize("days_off", [0, -1])
def test_a_rate_limit_is_waited_for_and_logged_once(retry_after: str | None, reset: str | None, days_off: int) -> None:
    clock = VirtualClock()
    rule = RateLimit(requests=10, retry_after=retry_after, reset=reset)  # type: ignore[arg-type]
    now = lambda: clock.now().timestamp() + 86_400 * days_off  # noqa: E731 - the server's clock
    with Sandbox(conversations=25, limit=rule, clock=now) as sandbox:
        assert sandbox.limits
        client = connect(sandbox, clock=clock)
        client.get()
        sandbox.limits.take(9)

        answer = client.get()
        client.http.close()

    assert answer.retries == len(client.pauses)
    assert clock.monotonic() >= 60
    if retry_after or reset:
        stated = [(pause.limit, pause.remaining) for pause in client.pauses if isinstance(pause, RateLimited)]
        assert stated == [(10, 0)]
        assert clock.monotonic() <= 63


def test_an_endless_rate_limit_is_a_transient_error(client: Client) -> None:
    client.sandbox.add_fault(CATALOGUE["status-429"])

    with pytest.raises(RetryLater, match="status 429"):
        client.get()

    assert len(client.sandbox.requests) == 20


def test_retry_after_is_obeyed_for_a_503_and_is_not_a_refusal(client: Client) -> None:
    client.sandbox.add_fault(Fault(status=503, headers={"Retry-After": "50"}, times=1))

    client.get()

    assert 50 <= client.clock.monotonic() <= 52
    assert client.pauses == []


def test_an_unwanted_request_is_not_sent(client: Client) -> None:
    with pytest.raises(Unwanted):
        client.get(is_wanted=lambda: False)

    assert client.sandbox.requests == []


def test_waiting_ends_when_the_request_is_no_longer_wanted(client: Client) -> None:
    client.sandbox.add_fault(Fault(status=503, headers={"Retry-After": "3000"}))

    with pytest.raises(Unwanted):
        client.get(is_wanted=lambda: client.clock.monotonic() < 30)

    assert client.clock.monotonic() == pytest.approx(30, abs=0.2)
    assert statuses(client) == [503]


def test_a_request_in_progress_can_be_cancelled() -> None:
    with Sandbox(conversations=25, faults=[CATALOGUE["slow"]]) as sandbox:
        client = connect(sandbox)
        wanted, raised = threading.Event(), []
        wanted.set()

        def get() -> None:
            try:
                client.get(is_wanted=wanted.is_set)
            except Unwanted as error:
                raised.append(error)

        thread = threading.Thread(target=get)
        thread.start()
        while not sandbox.requests:
            time.sleep(0.001)
        wanted.clear()
        client.http.interrupt()
        thread.join(2)
        client.http.close()

    assert not thread.is_alive()
    assert len(raised) == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"errors":[{"code":"feature_not_in_plan","message":"Kim"}]}', " (feature_not_in_plan)"),
        (b'{"errors":[{"status":400,"code":"bad-request","title":"Kim","detail":"Kim"}]}', " (bad-request)"),
        (b'{"errors":[{"code":"Kim said: <b>no</b>"}]}', ""),
        (b'{"errors":["Kim"]}', ""),
        (b'{"errors":{}}', ""),
        (b"Kim", ""),
        (b"", ""),
    ],
)
def test_a_message_has_only_the_code_of_an_error(client: Client, body: bytes, shown: str) -> None:
    client.sandbox.add_fault(Fault(status=400, body=body))

    with pytest.raises(BrokenPage) as caught:
        client.get()

    assert f"page 1: status 400{shown}: Kustomer refuses" in str(caught.value)
    assert "Kim" not in str(caught.value)


@pytest.mark.parametrize("name", sorted({*CATALOGUE} - {"slow", "trickle"}))
def test_neither_key_nor_body_is_in_a_message_or_a_log(
    client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    client.sandbox.add_fault(CATALOGUE[name])
    message = ""

    with caplog.at_level(logging.DEBUG):
        try:
            client.get()
        except ExtractError as error:
            message = f"{error!r} {error.__cause__!r} {error.__cause__.__cause__!r}" if error.__cause__ else repr(error)

    for secret in (KEY, "asked to fail", "Sign in", "oops"):
        assert secret not in message + caplog.text
