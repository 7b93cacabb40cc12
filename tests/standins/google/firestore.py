"""Firestore in native mode, as far as documents with preconditions go: gRPC, with the client's own message types.

Serves get, create, set, update, delete, and the listing of one collection. Transactions, transforms and filters are
UNIMPLEMENTED on purpose: the product does without them.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc
from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

from tests.standins.google.rpc import Method, RpcRefused, RpcServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SERVICE = "google.firestore.v1.Firestore"
_MAX_DOCUMENT_BYTES = 1 << 20  # https://firebase.google.com/docs/firestore/quotas, read 2026-11-23
_Document = types.Document.pb()
_Value = types.Value.pb()


class Firestore:
    """Serves `documents`: by their full names, ``projects/P/databases/D/documents/…``, as raw protobuf messages.

    Databases need no creation. Ports and faults as in `rpc.py`.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._last_ns = 0
        handlers = {"Commit": self._commit, "ListDocuments": self._list_documents}
        streaming = {"BatchGetDocuments": self._batch_get, "RunQuery": self._run_query}
        methods = {
            name: Method(
                handler=handler,
                request=getattr(types, f"{name}Request").pb(),
                response=getattr(types, f"{name}Response").pb(),
                streams=name in streaming,
            )
            for name, handler in {**handlers, **streaming}.items()
        }
        self._server = RpcServer(_SERVICE, methods)
        self.address = f"127.0.0.1:{self._server.port}"
        self.faults = self._server.faults
        self.calls = self._server.calls

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _now(self) -> Timestamp:
        """Read the clock in microseconds, as Firestore does; never the same twice, so that versions differ."""
        self._last_ns = max(self._last_ns + 1000, time.time_ns() // 1000 * 1000)
        now = Timestamp()
        now.FromNanoseconds(self._last_ns)
        return now

    def _commit(self, request: Any) -> Any:
        """Apply all writes or none."""
        if request.transaction:
            raise _unimplemented("transactions")
        with self._lock:
            now, before = self._now(), dict(self.documents)
            try:
                results = [self._write(write, now) for write in request.writes]
            except RpcRefused:
                self.documents.clear()
                self.documents.update(before)
                raise
        return types.CommitResponse.pb()(write_results=results, commit_time=now)

    def _write(self, write: Any, now: Timestamp) -> Any:
        operation = write.WhichOneof("operation")
        if operation not in {"update", "delete"} or write.update_transforms:
            raise _unimplemented("transforms")
        name = write.update.name if operation == "update" else write.delete
        current = self.documents.get(name)
        _check_name(name)
        _check_precondition(name, current, write.current_document)
        if operation == "delete":
            self.documents.pop(name, None)
            return types.WriteResult.pb()()
        document = _merge(current, write) if write.HasField("update_mask") else _copy(write.update)
        _check_content(document)
        unchanged = current is not None and current.fields == document.fields
        document.create_time.CopyFrom(current.create_time if current else now)
        document.update_time.CopyFrom(current.update_time if unchanged else now)  # such a write is no new version
        self.documents[name] = document
        return types.WriteResult.pb()(update_time=document.update_time)

    def _batch_get(self, request: Any) -> Iterator[Any]:
        response = types.BatchGetDocumentsResponse.pb()
        if request.transaction or request.HasField("new_transaction"):
            raise _unimplemented("transactions")
        with self._lock:
            now = self._now()
            for name in request.documents:
                found = self.documents.get(name)
                yield response(found=found, read_time=now) if found else response(missing=name, read_time=now)

    def _run_query(self, request: Any) -> Iterator[Any]:
        """List a collection: the documents that exist, by name."""
        response = types.RunQueryResponse.pb()
        query = request.structured_query
        used = {field.name for field, _ in query.ListFields()}
        if not used <= {"from_", "select", "limit"} or query.from_[0].all_descendants:
            raise _unimplemented(f"queries with {', '.join(sorted(used))}")
        with self._lock:
            found = self._children(f"{request.parent}/{query.from_[0].collection_id}")
            if query.HasField("limit"):
                found = found[: query.limit.value]
            if query.HasField("select"):
                found = [_project(document, [field.field_path for field in query.select.fields]) for document in found]
            now = self._now()
        yield from [response(document=document, read_time=now) for document in found] or [response(read_time=now)]

    def _list_documents(self, request: Any) -> Any:
        """List a collection; with `show_missing` also names that only have documents below them, without times."""
        collection = f"{request.parent}/{request.collection_id}"
        with self._lock:
            found = {document.name: document for document in self._children(collection)}
            if request.show_missing:
                below = (name for name in self.documents if name.startswith(f"{collection}/"))
                parents = {f"{collection}/{name.removeprefix(f'{collection}/').partition('/')[0]}" for name in below}
                found = {name: found.get(name) or _Document(name=name) for name in sorted(parents)}
        listed = list(found.values())
        if request.HasField("mask"):
            listed = [_project(document, request.mask.field_paths) for document in listed]
        return types.ListDocumentsResponse.pb()(documents=listed)

    def _children(self, collection: str) -> list[Any]:
        return [self.documents[name] for name in sorted(self.documents) if name.rpartition("/")[0] == collection]


def _unimplemented(what: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.UNIMPLEMENTED, f"this stand-in serves no {what}")


def _invalid(message: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, message)


def _check_name(name: str) -> None:
    segments = name.partition("/documents/")[2].split("/")
    if len(segments) % 2 or not all(segments):
        raise _invalid(f'Document name "{name}" has invalid segments.')


def _check_precondition(name: str, current: Any | None, precondition: Any) -> None:
    match precondition.WhichOneof("condition_type"):
        case "exists" if precondition.exists and current is None:
            raise RpcRefused(grpc.StatusCode.NOT_FOUND, f"No document to update: {name}")
        case "exists" if not precondition.exists and current is not None:
            raise RpcRefused(grpc.StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
        case "update_time" if current is None or current.update_time != precondition.update_time:
            message = "the stored version does not match the required base version"
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, message)


def _check_content(document: Any) -> None:
    if document.ByteSize() > _MAX_DOCUMENT_BYTES:
        limit = f"the maximum allowed size of {_MAX_DOCUMENT_BYTES:,} bytes"
        raise _invalid(f"Document '{document.name}' cannot be written because its size exceeds {limit}.")
    for value in document.fields.values():
        _check_value(value)


def _check_value(value: Any) -> None:
    for element in value.array_value.values:
        if element.WhichOneof("value_type") == "array_value":
            raise _invalid("Cannot convert an array value in an array value.")
        _check_value(element)
    for child in value.map_value.fields.values():
        _check_value(child)


def _copy(document: Any) -> Any:
    copy = _Document()
    copy.CopyFrom(document)
    return copy


def _merge(current: Any | None, write: Any) -> Any:
    """Take the masked fields from the write (absent there: removed), all others from the stored document."""
    merged = _copy(current) if current else _Document(name=write.update.name)
    for path in write.update_mask.field_paths:
        _put(merged.fields, _to_keys(path), _find(write.update.fields, _to_keys(path)))
    return merged


def _project(document: Any, paths: Sequence[str]) -> Any:
    shown = _copy(document)
    shown.ClearField("fields")
    for path in paths:
        value = _find(document.fields, _to_keys(path))
        if value is not None:
            _put(shown.fields, _to_keys(path), value)
    return shown


def _to_keys(path: str) -> list[str]:
    r"""Split a field path: ``a.`b.c`.d`` has three keys."""
    return [
        re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in re.findall(r"`((?:[^`\\]|\\.)*)`|([^.`]+)", path)
    ]


def _find(fields: Any, keys: list[str]) -> Any | None:
    key, *rest = keys
    if key not in fields:
        return None
    return _find(fields[key].map_value.fields, rest) if rest else fields[key]


def _put(fields: Any, keys: list[str], value: Any | None) -> None:
    key, *rest = keys
    if rest:
        if fields[key].WhichOneof("value_type") != "map_value":
            fields[key].map_value.SetInParent()
        _put(fields[key].map_value.fields, rest, value)
    elif value is None:
        fields.pop(key, None)
    else:
        fields[key].CopyFrom(value)
