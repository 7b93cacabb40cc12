"""Reads what an id says about its record. Pure.

An id has 24 hexadecimal digits, and the first eight are the second in which the record was made (docs/kustomer-api.md).
"""

from __future__ import annotations

import re

_ID = re.compile(r"[0-9a-f]{24}")


def to_made_ms(identifier: str) -> int | None:
    """Return when a record was made, in milliseconds since 1970; None if the id is of another kind."""
    return int(identifier[:8], 16) * 1000 if _ID.fullmatch(identifier) else None
