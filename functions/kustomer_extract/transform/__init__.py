"""A record of the API → a row of its table: compiled once per run, pure, total, and without loss.

::

    records      what a table takes → one converter for all records of a table; RECORDs and arrays
    values       the converters of strings, numbers, timestamps and JSON
    misfits      what no converter could place: `_rescued` and drift
    mending      values that readers of JSON stumble over
    json_lines   JSON in, lines of JSON out

Nothing here raises on a record; `parse_json` alone may.
"""

from kustomer_extract.transform.json_lines import parse_json, to_line
from kustomer_extract.transform.records import Drift, Fitted, Row, ToRow, compile_transform, read_created_at

__all__ = ["Drift", "Fitted", "Row", "ToRow", "compile_transform", "parse_json", "read_created_at", "to_line"]
