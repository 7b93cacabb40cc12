"""Cloud Logging: one JSON object per line on standard output, with the field names that Cloud Logging recognises.

Source: https://cloud.google.com/logging/docs/structured-logging#special-payload-fields, read 2026-11-23.
No line has a payload or a key: events have none, a bug is logged with its stack frames only, and a library's warning
with its fixed text only.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kustomer_extract.errors import ExtractError
from kustomer_extract.events import Severity, TriggerDropped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kustomer_extract.errors import NeedsPerson
    from kustomer_extract.events import Event, Scope

_LABELS = "logging.googleapis.com/labels"
_TRACE = "logging.googleapis.com/trace"
_SPAN = "logging.googleapis.com/spanId"
_MAX_LINE_BYTES = 200_000  # Cloud Logging splits entries of more than 256 KiB
_MAX_WORDS = 10_000  # characters of the sentence of an entry that is too long

# Source: https://cloud.google.com/error-reporting/docs/formatting-error-messages, read 2026-11-23.
_REPORTED_ERROR = "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent"

_trace: ContextVar[Mapping[str, str]] = ContextVar("trace", default={})  # noqa: B039 - never changed in place
_execution: ContextVar[Mapping[str, str]] = ContextVar("execution", default={})  # noqa: B039 - likewise
_labels: ContextVar[Mapping[str, str]] = ContextVar("labels", default={})  # noqa: B039 - likewise


class CloudLog:
    """Implements `EventLog`, and logs what ends outside of a run.

    Args:
        project: The project of the traces.
    """

    def __init__(self, *, project: str) -> None:
        self._project = project

    @contextmanager
    def request(self, trace_context: str | None, execution_id: str | None = None) -> Iterator[None]:
        """Add the trace and the execution of one request to its log lines.

        They are context variables: a thread has them if it runs in a copy of the request's context. (The framework's
        `LOG_EXECUTION_ID` does not reach threads, and writes the span as a decimal.)

        Args:
            trace_context: The header `X-Cloud-Trace-Context`: ``<32 hexadecimal digits>/<decimal span>;o=1``.
            execution_id: The header `Function-Execution-Id`.
        """
        trace = _trace.set(_parse_trace(trace_context or "", self._project))
        execution = _execution.set({"execution_id": execution_id} if execution_id else {})
        labels = _labels.set({})
        try:
            yield
        finally:
            _trace.reset(trace)
            _execution.reset(execution)
            _labels.reset(labels)

    def emit(self, scope: Scope, event: Event) -> None:
        """Write one event. Events for progress bars are not written."""
        labels = {"integration": scope.integration, "run_id": scope.run_id, "table": scope.table}
        _labels.set({name: value for name, value in labels.items() if value})
        if event.severity is not Severity.DEBUG:
            self._write(event.severity, event.sentence, event=event.name, **event.fields)

    def drop_unreadable(self, detail: str) -> None:
        """Log that a message could not be read."""
        self._drop(TriggerDropped(reason="unreadable", detail=detail))

    def report_failure(self, error: NeedsPerson) -> None:
        """Log a failure that ended the message: no run was started, or the records of a run could not be written."""
        self._drop(TriggerDropped(reason=error.code, detail=str(error), error_code=error.code))

    def report_bug(self, error: BaseException) -> None:
        """Log where an exception came from, in the form that Error Reporting recognises."""
        message = f"{type(error).__name__}: a bug, please report it; the message will be delivered again"
        self._write(Severity.ERROR, message, stack_trace=to_frames(error), **{"@type": _REPORTED_ERROR})

    def capture_libraries(self) -> None:
        """Write the warnings and errors of libraries, and Python's own warnings, in the same form."""
        logging.basicConfig(handlers=[_LibraryHandler(self)], level=logging.WARNING, force=True)
        logging.captureWarnings(capture=True)

    def report_library(self, record: logging.LogRecord) -> None:
        """Write a library's warning: its template, but not its arguments, which may be addresses or payload."""
        words = record.msg if record.args and isinstance(record.msg, str) else "(text withheld)"
        severity = Severity.ERROR if record.levelno >= logging.ERROR else Severity.WARNING
        error = record.exc_info[1] if record.exc_info else None
        frames = {"stack_trace": to_frames(error)} if error else {}
        self._write(severity, f"{record.name}, line {record.lineno} of {record.filename}: {words}", **frames)

    def _drop(self, event: TriggerDropped) -> None:
        self._write(event.severity, event.sentence, event=event.name, **event.fields)

    def _write(self, severity: Severity, message: str, **fields: object) -> None:
        special = {"severity": severity.value, _LABELS: {**_labels.get(), **_execution.get()}, **_trace.get()}
        line = _dump({**special, "message": message, **fields})
        if len(line.encode()) > _MAX_LINE_BYTES:
            line = _dump({**special, "message": message[:_MAX_WORDS], "event": fields.get("event"), "shortened": True})
        with suppress(OSError, ValueError):  # a run must not fail because its log cannot be written
            sys.stdout.write(f"{line}\n")  # looked up now: somebody may have redirected it
            sys.stdout.flush()


class _LibraryHandler(logging.Handler):
    def __init__(self, log: CloudLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.report_library(record)


def to_frames(error: BaseException) -> str:
    """Write a traceback with its causes. Only our own exceptions keep their text: others may quote a payload."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{to_frames(cause)}\nThis led to:\n\n" if cause else ""
    text = f": {error}" if isinstance(error, ExtractError) else ""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{before}Traceback (most recent call last):\n{frames}{type(error).__qualname__}{text}"


def _parse_trace(header: str, project: str) -> dict[str, str]:
    match = re.fullmatch(r"([0-9a-f]{32})(?:/(\d{1,20}))?(?:;.*)?", header.lower())
    if match is None:
        return {}
    span = {_SPAN: f"{int(match[2]) % 2**64:016x}"} if match[2] else {}
    return {_TRACE: f"projects/{project}/traces/{match[1]}", **span}


def _dump(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, default=_to_json, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # a lone surrogate cannot be written


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else str(value)
