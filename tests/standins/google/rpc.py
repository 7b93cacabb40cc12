"""A gRPC service made of plain functions: request message in, answer message (or several) out, refusals raised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc

FOREVER = 10**9

Handler: TypeAlias = Callable[[Any], Any]


class RpcRefused(Exception):
    """Ends a call with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, kw_only=True)
class RpcFault:
    """Calls that are to fail.

    Attributes:
        method: ``Commit``, ``AccessSecretVersion`` …
        times: How many more of them.
        after_effect: Whether the call is carried out first, so that only its answer is lost.
    """

    method: str
    code: grpc.StatusCode
    times: int
    after_effect: bool


@dataclass(slots=True)
class RpcFaults:
    """The failures a test orders from one service."""

    _faults: list[RpcFault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(
        self,
        method: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        times: int = 1,
        after_effect: bool = False,
    ) -> None:
        """Let the next `times` calls of a method fail."""
        self._faults.append(RpcFault(method=method, code=code, times=times, after_effect=after_effect))

    def clear(self) -> None:
        """Take all orders back."""
        self._faults.clear()

    def take(self, method: str) -> RpcFault | None:
        """Use up one failure of this method, if one is left."""
        with self._lock:
            fault = next((fault for fault in self._faults if fault.method == method and fault.times > 0), None)
            if fault:
                fault.times -= 1
            return fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One remote procedure: its handler and its raw protobuf message types.

    A `streams` handler returns an iterable of answers. They are collected before the first is sent.
    """

    handler: Handler
    request: Any
    response: Any
    streams: bool = False


class RpcServer:
    """Serves one service from construction until `close`; `calls` has the methods called, in order."""

    def __init__(
        self, service: str, methods: Mapping[str, Method], *, credentials: grpc.ServerCredentials | None = None
    ) -> None:
        self.calls: list[str] = []
        self.faults = RpcFaults()
        self._pool = futures.ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool)
        handlers = {name: self._build(name, method) for name, method in methods.items()}
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
        if credentials:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """Break off all calls and stop listening."""
        self._server.stop(grace=0.2).wait()
        self._pool.shutdown()

    def _build(self, name: str, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> list[Any]:
            self.calls.append(name)
            fault = self.faults.take(name)
            try:
                if fault and not fault.after_effect:
                    raise RpcRefused(fault.code, "ordered by the test, before any effect")
                outcome = method.handler(request)
                answers = list(outcome) if method.streams else [outcome]
                if fault:
                    raise RpcRefused(fault.code, "ordered by the test, after the effect")
            except RpcRefused as refusal:
                context.abort(refusal.code, str(refusal))
            return answers

        def answer_one(request: Any, context: grpc.ServicerContext) -> Any:
            return answer(request, context)[0]

        def answer_all(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            yield from answer(request, context)

        parse, write = method.request.FromString, method.response.SerializeToString
        if method.streams:
            return grpc.unary_stream_rpc_method_handler(answer_all, parse, write)
        return grpc.unary_unary_rpc_method_handler(answer_one, parse, write)
