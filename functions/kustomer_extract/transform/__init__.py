"""Turns records of the API into rows of a table. It is pure and loses nothing.

::

    records      turns the bytes of a record into the line of its row
    shapes       makes the types of a schema's objects, and repairs an object that was refused
    judge        tells msgspec which values fit a field
    finish       takes out of an object what the row must not have
    values       converts values that were refused: strings, numbers, timestamps and JSON
    mismatches   collects the values that fit no column: `_rescued` and drift
    storable     changes the values that BigQuery or DuckDB could not read as JSON
    reading      reads JSON
"""

from kustomer_extract.transform.reading import parse_json, read_created_at, read_object
from kustomer_extract.transform.records import Drift, Transform, Transformed

__all__ = ["Drift", "Transform", "Transformed", "parse_json", "read_created_at", "read_object"]
