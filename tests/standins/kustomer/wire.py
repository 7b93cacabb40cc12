"""The HTTP/1.1 server of the sandbox: keep-alive, a thread per connection, and responses cut off on demand."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from email.message import Message

    from tests.standins.kustomer.exchange import Answer, Request

Respond: TypeAlias = Callable[[str, str, "Message", bytes], tuple["Request", "Answer"]]
"""Gets the method, the path with its query, the headers and the body."""

_BLANKS = b" " * 1_000_000
_MOST_PIECES = 1000
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class WireServer(ThreadingTCPServer):
    """Listens on 127.0.0.1 from construction until `stop`. Then `server_close` waits for its threads.

    Args:
        port: 0: any free port. It is in `server_address`.
        clock: Epoch seconds, for the `Date` header.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond, clock: Callable[[], float]) -> None:
        self.respond, self.clock = respond, clock
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()

    def stop(self) -> None:
        """Close the port and every connection at once. A second call has no effect."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.socket.close()
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):  # the connection has just ended
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except those of a client that closed its connection."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # send headers and a small body as one packet

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Write no access log: `Sandbox.requests` has it."""

    def do_GET(self) -> None:
        self._respond(b"")

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _respond(self, body: bytes) -> None:
        server = cast("WireServer", self.server)
        request, answer = server.respond(self.command, self.path, self.headers, body)
        if server.stopping.wait(answer.wait_seconds):
            self.close_connection = True
            return
        request.started = time.monotonic()
        try:
            if answer.dies:
                self.close_connection = True
                server.stop()
            elif answer.cut == "before":
                self._reset()
            else:
                request.status = answer.status
                self._send(answer, server)
        finally:
            request.ended = time.monotonic()

    def _send(self, answer: Answer, server: WireServer) -> None:
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        length = len(body) if answer.cut == "json" else len(answer.body)
        framing = ("Transfer-Encoding", "chunked") if answer.padding_mb else ("Content-Length", str(length))
        self.send_response_only(answer.status)
        for name, value in {"Date": self.date_time_string(server.clock()), **answer.headers}.items():
            self.send_header(name, value)
        self.send_header(*framing)
        self.end_headers()
        for number, piece in enumerate(_split(body, answer)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.padding_mb else piece)
            if answer.trickle_bytes:
                self.wfile.flush()
                if number >= _MOST_PIECES or server.stopping.wait(answer.trickle_seconds):
                    self.close_connection = True
                    return
        if answer.padding_mb:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
        if answer.cut == "reset":
            self._reset()
        elif answer.cut == "close":
            self.close_connection = True

    def _reset(self) -> None:
        """Drop the connection with RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()
        self.close_connection = True


def _split(body: bytes, answer: Answer) -> Iterator[bytes]:
    """Split a body into the pieces in which it is sent. None is empty."""
    for _ in range(answer.padding_mb):
        yield _BLANKS
    size = answer.trickle_bytes or max(1, len(body))
    for start in range(0, len(body), size):
        yield body[start : start + size]
