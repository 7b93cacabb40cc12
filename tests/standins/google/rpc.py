"""A gRPC service made of functions that get a request message and return one or several responses, or raise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc  # type: ignore[import-untyped]  # there are no stubs

Handler: TypeAlias = Callable[[Any], Any]


class RpcRefused(Exception):
    """Ends a call with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, kw_only=True)
class _Fault:
    method: str
    code: grpc.StatusCode
    times: int
    after_effect: bool


class RpcFaults:
    """The failures that a test has ordered from a service."""

    def __init__(self) -> None:
        self._orders: list[_Fault] = []
        self._lock = threading.Lock()

    def refuse(
        self,
        method: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE,
        times: int = 1,
        after_effect: bool = False,
    ) -> None:
        """Let the next `times` calls of a method, for example ``Commit``, fail.

        They fail before they have an effect, or after it, so that only the response is lost.
        """
        self._orders.append(_Fault(method=method, code=code, times=times, after_effect=after_effect))

    def clear(self) -> None:
        self._orders.clear()

    def take(self, method: str) -> _Fault | None:
        """Use up one failure of this method, if one is left."""
        with self._lock:
            fault = next((fault for fault in self._orders if fault.method == method and fault.times), None)
            if fault:
                fault.times -= 1
            return fault


class RpcServer:
    """Serves one service from construction until `close`. `calls` has the names of called methods, in order.

    Args:
        service: Its full name, with the package.
        types: The module with the client library's message types: ``<Method>Request`` and ``<Method>Response``.
        methods: Handlers by name. They get and return raw protobuf messages.
        streams: The names of methods that return several responses. All are collected before the first is sent.
    """

    def __init__(
        self,
        service: str,
        types: Any,
        methods: Mapping[str, Handler],
        *,
        streams: frozenset[str] = frozenset(),
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.calls: list[str] = []
        self.faults = RpcFaults()
        self._pool = futures.ThreadPoolExecutor(8)
        self._server = grpc.server(self._pool)
        handlers = {}
        for name, handler in methods.items():
            build = grpc.unary_stream_rpc_method_handler if name in streams else grpc.unary_unary_rpc_method_handler
            parse = getattr(types, f"{name}Request").pb().FromString
            write = getattr(types, f"{name}Response").pb().SerializeToString
            handlers[name] = build(self._wrap(name, handler, streams=name in streams), parse, write)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
        if credentials:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        self._server.stop(grace=0.2).wait()
        self._pool.shutdown()

    def _wrap(self, name: str, handler: Handler, *, streams: bool) -> Callable[[Any, grpc.ServicerContext], Any]:
        """Record the call, let it fail if a test has ordered that, and convert a refusal to its status."""

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls.append(name)
            fault = self.faults.take(name)
            if fault and not fault.after_effect:
                context.abort(fault.code, "ordered by the test, before any effect")
            try:
                answers = list(handler(request)) if streams else handler(request)
            except RpcRefused as refusal:
                context.abort(refusal.code, str(refusal))
            if fault:
                context.abort(fault.code, "ordered by the test, after the effect")
            return answers

        def answer_many(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            yield from answer(request, context)

        return answer_many if streams else answer
