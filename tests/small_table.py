"""A table with one column of each kind."""

from __future__ import annotations

from kustomer_extract.schema import Field


def _field(name: str, kind: str, *fields: Field, mode: str = "NULLABLE") -> Field:
    return Field(name=name, type=kind, mode=mode, description="", fields=fields)


TYPES = (
    _field("text", "STRING"),
    _field("texts", "STRING", mode="REPEATED"),
    _field("whole", "INTEGER"),
    _field("number", "FLOAT"),
    _field("flag", "BOOLEAN"),
    _field("at", "TIMESTAMP"),
    _field("times", "TIMESTAMP", mode="REPEATED"),
    _field("any", "JSON"),
    _field("anys", "JSON", mode="REPEATED"),
    _field("one", "RECORD", _field("a", "STRING"), _field("b", "RECORD", _field("c", "INTEGER"))),
    _field("many", "RECORD", _field("a", "STRING"), _field("n", "INTEGER"), mode="REPEATED"),
    _field("countByChannel", "RECORD", _field("channel", "STRING"), _field("count", "INTEGER"), mode="REPEATED"),
)
SMALL_TABLE = (
    _field("type", "STRING"),
    _field("id", "STRING"),
    _field("attributes", "RECORD", *TYPES),
    _field("_rescued", "JSON"),
    _field("_batch_id", "STRING"),
    _field("_batch_runtime", "TIMESTAMP"),
)
