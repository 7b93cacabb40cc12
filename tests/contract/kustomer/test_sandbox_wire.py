"""The connections of the sandbox: compression, responses cut off, delays, and cleaning up."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from tests.contract.kustomer.asking import CONVERSATIONS, EPOCH, KEY, SURVEYS, get, get_page
from tests.standins.kustomer.catalogue import CATALOGUE
from tests.standins.kustomer.exchange import Request
from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.server import Sandbox


class TestWire:
    def test_compression_for_clients_that_accept_it(self) -> None:
        with Sandbox(compress=True) as sandbox:
            plain, packed = get(sandbox, SURVEYS), get(sandbox, SURVEYS, {**KEY, "Accept-Encoding": "gzip, deflate"})

            assert (plain.headers["Content-Encoding"], packed.headers["Content-Encoding"]) == (None, "gzip")
            assert gzip.decompress(packed.body) == plain.body

    @pytest.mark.parametrize(("name", "error"), [("gzip-lie", gzip.BadGzipFile), ("gzip-truncated", EOFError)])
    def test_broken_compression(self, name: str, error: type[Exception]) -> None:
        with Sandbox(compress=True, faults=[CATALOGUE[name]]) as sandbox:
            reply = get(sandbox, SURVEYS, {**KEY, "Accept-Encoding": "gzip"})

            assert reply.headers["Content-Encoding"] == "gzip"
            with pytest.raises(error):
                gzip.decompress(reply.body)

    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("reset-before", ConnectionResetError),
            ("reset-in-body", ConnectionResetError),
            ("close-in-body", http.client.IncompleteRead),
        ],
    )
    def test_responses_that_are_cut_off(self, name: str, error: type[Exception]) -> None:
        with Sandbox(faults=[replace(CATALOGUE[name], times=1)]) as sandbox:
            with pytest.raises(error):
                get(sandbox, CONVERSATIONS)

            assert sandbox.requests[0].status == (None if name == "reset-before" else 200)
            assert get(sandbox, CONVERSATIONS).status == 200

    def test_half_of_a_page_with_the_length_of_the_half(self) -> None:
        with Sandbox(faults=[replace(CATALOGUE["half-json"], times=1)]) as sandbox:
            half, whole = get(sandbox, SURVEYS).body, get(sandbox, SURVEYS).body

            assert half == whole[: len(whole) // 2]

    def test_a_huge_page_is_valid(self) -> None:
        with Sandbox(conversations=2, faults=[replace(CATALOGUE["huge"], padding_mb=2)]) as sandbox:
            reply = get(sandbox, CONVERSATIONS)

            assert (reply.headers["Content-Length"], len(reply.body) > 2_000_000) == (None, True)
            assert reply.ids() == sandbox.organisation.ids()

    @pytest.mark.parametrize("name", ["huge", "trickle"])
    def test_an_endless_response_ends_when_the_client_leaves(self, name: str) -> None:
        with Sandbox(faults=[replace(CATALOGUE[name], trickle_seconds=0.01)]) as sandbox:
            connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
            connection.request("GET", CONVERSATIONS, headers=KEY)
            response = connection.getresponse()
            response.read(200)
            response.close()
            connection.close()

            deadline = time.monotonic() + 5
            while sandbox.requests[0].ended is None and time.monotonic() < deadline:
                time.sleep(0.005)
            assert sandbox.requests[0].ended is not None

    def test_a_trickle_is_sent_in_pieces(self) -> None:
        fault = Fault(body=b"0123456789", trickle_bytes=4, trickle_seconds=0.01)
        with Sandbox(faults=[fault]) as sandbox:
            reply = get(sandbox, SURVEYS)

            request = sandbox.requests[0]
            assert reply.body == b"0123456789"
            assert request.started is not None
            assert time.monotonic() - request.started >= 0.02

    def test_latency_jitter_and_one_slow_page(self) -> None:
        slow = replace(CATALOGUE["slow"], page=2, wait_seconds=0.03)
        with Sandbox(latency_seconds=0.01, jitter_seconds=0.005, faults=[slow]) as sandbox:
            get_page(sandbox, 1)
            get_page(sandbox, 2)

            waits = [(request.started or 0) - request.at for request in sandbox.requests]
            assert (waits[0] >= 0.01, waits[1] >= 0.04) == (True, True)

    def test_the_clock_of_the_server(self) -> None:
        with Sandbox(clock=lambda: EPOCH) as sandbox:
            date = get(sandbox, SURVEYS).headers["Date"]

            assert parsedate_to_datetime(date).timestamp() == EPOCH

    def test_a_server_that_dies(self) -> None:
        with Sandbox(faults=[replace(CATALOGUE["dies"], after=1)]) as sandbox:
            first = get(sandbox, SURVEYS).status
            with pytest.raises(http.client.RemoteDisconnected):
                get(sandbox, SURVEYS)

            assert (first, sandbox.requests[1].status) == (200, None)
            with pytest.raises(ConnectionRefusedError):
                get(sandbox, SURVEYS)

    def test_requests_are_recorded(self) -> None:
        with Sandbox() as sandbox:
            get(sandbox, f"{CONVERSATIONS}?page=3&sort=desc")
            get(sandbox, f"{CONVERSATIONS}?page=3&sort=desc")
            get(sandbox, "/v1/auth/tokens/current", headers={"Host": "localhost"})

        [_, second, third] = sandbox.requests
        assert second.at <= (second.started or 0) <= (second.ended or 0)
        assert replace(second, at=0, started=0, ended=0) == Request(
            path="/v1/conversations?page=3&sort=desc",
            table="conversations",
            page=3,
            last_page=10,
            descending=True,
            attempt=2,
            host=f"127.0.0.1:{sandbox.port}",
            at=0,
            started=0,
            ended=0,
            status=200,
        )
        assert (third.table, third.page, third.host, third.status) == ("token", None, "localhost", 401)

    def test_nothing_is_left_behind(self) -> None:
        before = threading.active_count()
        with Sandbox(latency_seconds=30) as sandbox:
            idle, waiting = (socket.create_connection(("127.0.0.1", sandbox.port)) for _ in range(2))
            waiting.sendall(b"GET /v1/satisfaction HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sandbox-key\r\n\r\n")
            while not sandbox.requests:
                time.sleep(0.001)

        assert threading.active_count() == before
        assert (idle.recv(1), waiting.recv(1)) == (b"", b"")
        idle.close()
        waiting.close()
