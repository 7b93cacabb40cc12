"""Table schemas in BigQuery's JSON format: normalise, compare, and add columns."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from tests.standins.google.bigquery.refusals import invalid, unsupported

Field: TypeAlias = dict[str, Any]
Schema: TypeAlias = list[Field]

_ALIASES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_DUCKDB_TYPES = {
    "STRING": "VARCHAR",
    "INTEGER": "BIGINT",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "JSON": "JSON",
}


def normalise(fields: Schema) -> Schema:
    """Check a schema and convert it to the form of responses. Descriptions and policy tags stay."""
    names = [field["name"] for field in fields]
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w{0,299}", name, re.ASCII):
            raise invalid(f'Invalid field name "{name}". Fields must contain the allowed characters.')
    if len({name.lower() for name in names}) < len(names):
        raise invalid(f"Duplicate field names in {', '.join(names)}.")
    return [_normalise_field(field) for field in fields]


def _normalise_field(field: Field) -> Field:
    kind = field["type"].upper()
    kind = _ALIASES.get(kind, kind)
    normal = {**field, "type": kind, "mode": field.get("mode", "NULLABLE").upper()}
    if kind == "RECORD":
        if not field.get("fields"):
            raise invalid(f"Field {field['name']} is type RECORD but has no schema")
        normal["fields"] = normalise(field["fields"])
    elif kind not in _DUCKDB_TYPES:
        raise unsupported(f"columns of type {kind}")
    return normal


def to_shape(schema: Schema) -> list[Any]:
    """Reduce a schema to names, types and modes, in order."""
    return [(field["name"], field["type"], field["mode"], to_shape(field.get("fields", []))) for field in schema]


def merge(old: Schema, new: Schema, *, table: object, may_grow: bool) -> Schema:
    """Merge the schema `new` of appended rows into a table's schema `old`. New columns need `may_grow`."""
    merged = {field["name"]: field for field in old}
    mismatch = f"Provided Schema does not match Table {table}."
    for field in new:
        name, known = field["name"], merged.get(field["name"])
        if known is None and not may_grow:
            raise invalid(f"{mismatch} Cannot add fields (field: {name})")
        if known is None:
            merged[name] = field
            continue
        for aspect in ("type", "mode"):
            if known[aspect] != field[aspect]:
                change = f"has changed {aspect} from {known[aspect]} to {field[aspect]}"
                raise invalid(f"{mismatch} Field {name} {change}")
        if known["type"] == "RECORD":
            merged[name] = {**known, "fields": merge(known["fields"], field["fields"], table=table, may_grow=may_grow)}
    return list(merged.values())


def to_duckdb_type(field: Field) -> str:
    """Return the DuckDB type of a column."""
    if field["type"] == "RECORD":
        children = ", ".join(f'"{child["name"]}" {to_duckdb_type(child)}' for child in field["fields"])
        name = f"STRUCT({children})"
    else:
        name = _DUCKDB_TYPES[field["type"]]
    return f"{name}[]" if field["mode"] == "REPEATED" else name


def from_duckdb_type(name: str, kind: Any) -> Field:
    """Describe a column of a DuckDB result as BigQuery would."""
    if kind.id == "list":
        return {**from_duckdb_type(name, kind.child), "mode": "REPEATED"}
    if kind.id == "struct":
        children = [from_duckdb_type(child, child_kind) for child, child_kind in kind.children]
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": children}
    types = {duckdb: bigquery for bigquery, duckdb in _DUCKDB_TYPES.items()}
    types |= {"DATE": "DATE", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "INTEGER": "INTEGER", "HUGEINT": "INTEGER"}
    if str(kind) not in types:
        raise unsupported(f"results of type {kind}")
    return {"name": name, "type": types[str(kind)], "mode": "NULLABLE"}
