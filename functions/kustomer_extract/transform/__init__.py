"""Turns records of the API into rows of a table. The converter is compiled once per run; it is pure and loses nothing.

::

    records      compiles the columns of a table into one converter; handles RECORDs and arrays
    values       converts strings, numbers, timestamps and JSON
    mismatches   collects the values that fit no column: `_rescued` and drift
    storable     changes the values that BigQuery or DuckDB could not read as JSON
    json_lines   reads JSON and writes lines of JSON

No record makes this code raise. Only `parse_json` raises.
"""

from kustomer_extract.transform.json_lines import parse_json, to_line
from kustomer_extract.transform.records import Drift, Row, ToRow, Transformed, compile_transform, read_created_at

__all__ = ["Drift", "Row", "ToRow", "Transformed", "compile_transform", "parse_json", "read_created_at", "to_line"]
