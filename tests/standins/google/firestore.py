"""A stand-in for Firestore in native mode: documents with preconditions, over gRPC, with the client's message types.

Serves get, create, set, update, delete, and the listing of one collection. Transactions, transforms and filters are
UNIMPLEMENTED, because the product does not use them.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]  # there are no stubs
from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # there are no stubs

from tests.standins.google.rpc import RpcRefused, RpcServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_SERVICE = "google.firestore.v1.Firestore"
_MAX_DOCUMENT_BYTES = 1 << 20  # https://firebase.google.com/docs/firestore/quotas, read 2026-11-23
_Document = types.Document.pb()


class Firestore:
    """Serves `documents` from construction until `close`: raw protobuf messages by their full names,
    ``projects/P/databases/D/documents/…``. Databases need no creation.
    """

    def __init__(self) -> None:
        self.documents: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._last_ns = 0
        methods = {
            "BatchGetDocuments": self._batch_get_documents,
            "Commit": self._commit,
            "ListDocuments": self._list_documents,
            "RunQuery": self._run_query,
        }
        self._server = RpcServer(_SERVICE, types, methods, streams=frozenset({"BatchGetDocuments", "RunQuery"}))
        self.address = f"127.0.0.1:{self._server.port}"
        self.calls, self.faults, self.close = self._server.calls, self._server.faults, self._server.close

    def _now(self) -> Timestamp:
        """Read the clock in microseconds, as Firestore does. No time is returned twice, so that versions differ."""
        self._last_ns = max(self._last_ns + 1000, time.time_ns() // 1000 * 1000)
        now = Timestamp()
        now.FromNanoseconds(self._last_ns)
        return now

    def _commit(self, request: Any) -> Any:
        """Apply all writes or none."""
        _refuse_transactions(request.transaction)
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
        if write.WhichOneof("operation") not in {"update", "delete"} or write.update_transforms:
            raise _unimplemented("transforms")
        name = write.delete or write.update.name
        current = self.documents.get(name)
        _check_precondition(name, current, write.current_document)
        if write.delete:
            self.documents.pop(name, None)
            return types.WriteResult.pb()()
        document = _merge(current, write) if write.HasField("update_mask") else _copy(write.update)
        _check_document(document)
        unchanged = current and current.fields == document.fields  # not a new version
        document.create_time.CopyFrom(current.create_time if current else now)
        document.update_time.CopyFrom(current.update_time if current and unchanged else now)
        self.documents[name] = document
        return types.WriteResult.pb()(update_time=document.update_time)

    def _batch_get_documents(self, request: Any) -> Iterator[Any]:
        _refuse_transactions(request.transaction or request.HasField("new_transaction"))
        response = types.BatchGetDocumentsResponse.pb()
        with self._lock:
            now = self._now()
            for name in request.documents:
                found = self.documents.get(name)
                yield response(found=found, read_time=now) if found else response(missing=name, read_time=now)

    def _run_query(self, request: Any) -> Iterator[Any]:
        """List the existing documents of a collection, by name."""
        query, response = request.structured_query, types.RunQueryResponse.pb()
        used = {field.name for field, _ in query.ListFields()}
        if not used <= {"from_", "select", "limit"} or query.from_[0].all_descendants:
            raise _unimplemented(f"queries with {', '.join(sorted(used))}")
        with self._lock:
            now, found = self._now(), self._list_children(f"{request.parent}/{query.from_[0].collection_id}")
        if query.HasField("limit"):
            found = found[: query.limit.value]
        if query.HasField("select"):
            found = [_project(document, [field.field_path for field in query.select.fields]) for document in found]
        yield from [response(document=document, read_time=now) for document in found] or [response(read_time=now)]

    def _list_documents(self, request: Any) -> Any:
        """List a collection. With `show_missing`, also list names that only have documents below them."""
        collection = f"{request.parent}/{request.collection_id}/"
        with self._lock:
            found = {document.name: document for document in self._list_children(collection[:-1])}
            if request.show_missing:
                below = (name.removeprefix(collection) for name in self.documents if name.startswith(collection))
                for name in {collection + path.partition("/")[0] for path in below}:
                    found.setdefault(name, _Document(name=name))
        listed = [found[name] for name in sorted(found)]
        if request.HasField("mask"):
            listed = [_project(document, request.mask.field_paths) for document in listed]
        return types.ListDocumentsResponse.pb()(documents=listed)

    def _list_children(self, collection: str) -> list[Any]:
        return [self.documents[name] for name in sorted(self.documents) if name.rpartition("/")[0] == collection]


def _unimplemented(what: str) -> RpcRefused:
    return RpcRefused(grpc.StatusCode.UNIMPLEMENTED, f"this stand-in does not serve {what}")


def _refuse_transactions(transaction: object) -> None:
    if transaction:
        raise _unimplemented("transactions")


def _check_precondition(name: str, current: Any, precondition: Any) -> None:
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists" and precondition.exists and current is None:
        raise RpcRefused(grpc.StatusCode.NOT_FOUND, f"No document to update: {name}")
    if kind == "exists" and not precondition.exists and current is not None:
        raise RpcRefused(grpc.StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
    if kind == "update_time" and (current is None or current.update_time != precondition.update_time):
        mismatch = "the stored version does not match the required base version"
        raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, mismatch)


def _check_document(document: Any) -> None:
    segments = document.name.partition("/documents/")[2].split("/")
    if len(segments) % 2 or not all(segments):
        raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, f'"{document.name}" does not name a document')
    if document.ByteSize() > _MAX_DOCUMENT_BYTES:
        limit = f"the maximum allowed size of {_MAX_DOCUMENT_BYTES:,} bytes"
        raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, f"'{document.name}' exceeds {limit}.")
    _check_fields(document.fields)


def _check_fields(fields: Any) -> None:
    for name in fields:
        if re.fullmatch("__.*__", name):
            raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, f"field name {name} is reserved")
    _check_values(fields.values())


def _check_values(values: Iterable[Any]) -> None:
    for value in values:
        elements = value.array_value.values
        if any(element.WhichOneof("value_type") == "array_value" for element in elements):
            raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, "Cannot convert an array value in an array value.")
        _check_values(elements)
        _check_fields(value.map_value.fields)


def _copy(document: Any) -> Any:
    copy = _Document()
    copy.CopyFrom(document)
    return copy


def _merge(current: Any, write: Any) -> Any:
    """Take the masked fields from the write, and all others from the stored document. A masked field may be removed."""
    merged = _copy(current) if current else _Document(name=write.update.name)
    for path in write.update_mask.field_paths:
        _put(merged.fields, _to_keys(path), _find(write.update.fields, _to_keys(path)))
    return merged


def _project(document: Any, paths: Sequence[str]) -> Any:
    """Copy a document with only some of its fields."""
    shown = _copy(document)
    shown.ClearField("fields")
    for path in paths:
        _put(shown.fields, _to_keys(path), _find(document.fields, _to_keys(path)))
    return shown


def _to_keys(path: str) -> list[str]:
    r"""Split a field path: ``a.`b.c`.d`` has three keys."""
    keys = re.findall(r"`((?:[^`\\]|\\.)*)`|([^.`]+)", path)
    return [re.sub(r"\\(.)", r"\1", quoted) or plain for quoted, plain in keys]


def _find(fields: Any, keys: list[str]) -> Any | None:
    key, *rest = keys
    if key not in fields:
        return None
    return _find(fields[key].map_value.fields, rest) if rest else fields[key]


def _put(fields: Any, keys: list[str], value: Any | None) -> None:
    key, *rest = keys
    if value is None and key not in fields:
        return
    if rest:
        if fields[key].WhichOneof("value_type") != "map_value":
            fields[key].map_value.SetInParent()
        _put(fields[key].map_value.fields, rest, value)
    elif value is None:
        del fields[key]
    else:
        fields[key].CopyFrom(value)
