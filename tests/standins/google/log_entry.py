"""Parse a line on stdout as Cloud Logging does: special fields of the JSON object become fields of the entry.

The entry is the real protobuf message, which checks types and names. Where Cloud Logging silently ignores a mistake (an
unknown severity, an invalid trace), this raises.
Source: https://cloud.google.com/logging/docs/structured-logging#special-payload-fields, read 2026-11-23.
"""

from __future__ import annotations

import json
import re
from typing import Any

from google.cloud.logging_v2.types import LogEntry
from google.protobuf import json_format  # type: ignore[import-untyped]  # there are no stubs

_MAX_LINE_BYTES = 256 * 1024
_PREFIX = "logging.googleapis.com/"
_SPECIAL = {
    "severity": "severity",
    "httpRequest": "httpRequest",
    "time": "timestamp",
    f"{_PREFIX}insertId": "insertId",
    f"{_PREFIX}labels": "labels",
    f"{_PREFIX}operation": "operation",
    f"{_PREFIX}sourceLocation": "sourceLocation",
    f"{_PREFIX}spanId": "spanId",
    f"{_PREFIX}trace": "trace",
    f"{_PREFIX}trace_sampled": "traceSampled",
}
_SEVERITIES = {"DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"}


class BadLogLine(ValueError):
    """Cloud Logging would not show the line as intended."""


def parse_log_line(line: str) -> LogEntry:
    """Convert a line to the entry that Logs Explorer shows.

    Raises:
        BadLogLine: The line is not one JSON object, has no severity or message, or has an invalid special field.
    """
    if len(line.encode()) > _MAX_LINE_BYTES:
        raise BadLogLine("longer than 256 KiB: it would be split")
    try:
        payload = json.loads(line)
    except ValueError as error:
        raise BadLogLine(f"not JSON, so it becomes text of severity DEFAULT: {line[:80]!r}") from error
    if not isinstance(payload, dict):
        raise BadLogLine(f"not a JSON object, so it becomes text of severity DEFAULT: {line[:80]!r}")
    entry: dict[str, Any] = {field: payload.pop(key) for key, field in _SPECIAL.items() if key in payload}
    if entry.get("severity") not in _SEVERITIES:
        raise BadLogLine(f"severity {entry.get('severity')!r} is none of {', '.join(sorted(_SEVERITIES))}")
    if not re.fullmatch(r"(projects/[^/]+/traces/[0-9a-f]{32})?", entry.get("trace", "")):
        raise BadLogLine(f"trace {entry['trace']!r} is not projects/P/traces/<32 hexadecimal digits>")
    if not re.fullmatch(r"([0-9a-f]{16})?", entry.get("spanId", "")):
        raise BadLogLine(f"span {entry['spanId']!r} is not 16 hexadecimal digits")
    if not payload.get("message"):
        raise BadLogLine("no message: Logs Explorer would show no summary")
    stray = [key for key in payload if key.startswith(_PREFIX)]
    if stray:
        raise BadLogLine(f"no special field: {', '.join(stray)}")
    parsed = LogEntry()
    try:
        json_format.ParseDict({**entry, "jsonPayload": payload}, LogEntry.pb(parsed))
    except json_format.ParseError as error:
        raise BadLogLine(str(error)) from error
    return parsed
