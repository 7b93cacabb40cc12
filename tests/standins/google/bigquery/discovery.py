"""Check requests against BigQuery's discovery document, which gcloud contains.

The document has methods, paths, parameters, fields of bodies with their types, and the values of enumerations. If
gcloud is not installed, requests are not checked.
Source of its format: https://developers.google.com/discovery/v1/reference/apis, read 2026-11-27.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from tests.standins.google import emulators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DOCUMENT = "platform/bq/discovery_next/bigquery.json"
_BASE = re.compile(r"(/(?:resumable/)?upload)?/bigquery/v2/")
_BESIDES = {
    "projection",  # Google's own client sends it with every request for a job
    "upload_id",  # https://cloud.google.com/bigquery/docs/reference/api-uploads
}
"""Parameters that the API accepts although they are not in the document."""
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


@functools.cache
def read() -> Mapping[str, Any] | None:
    """Read the document. None if gcloud is not installed."""
    root = emulators.find_sdk()
    if root is None or not (root / _DOCUMENT).exists():
        return None
    document: Mapping[str, Any] = json.loads((root / _DOCUMENT).read_bytes())
    return document


def find_faults(http_method: str, path: str, query: Mapping[str, str], body: object) -> Iterator[str]:
    """Find everything in a request that BigQuery's API does not know. `body` is its JSON, or None."""
    document = read()
    if document is None:
        return
    method = _find_method(http_method, path)
    if method is None:
        yield f"no method for {http_method} {path}"
        return
    known = {**document["parameters"], **method.get("parameters", {})}
    for name, value in query.items():
        if name not in known and name not in _BESIDES:
            yield f"{method['id']} has no parameter {name}"
        elif value not in known.get(name, {}).get("enum", [value]):
            yield f"{method['id']}: {name} cannot be {value}"
    if isinstance(body, dict) and "request" in method:
        yield from _compare(method["request"], body, method["id"])
    elif body:
        yield f"{method['id']} does not take this body"


def _find_method(http_method: str, path: str) -> Mapping[str, Any] | None:
    base = _BASE.match(path)
    if base is None:
        return None
    methods = [
        method
        for method in _list_methods()
        if method["httpMethod"] == http_method and _to_pattern(method["flatPath"]).fullmatch(path[base.end() :])
    ]
    return next((method for method in methods if "mediaUpload" in method or not base[1]), None)


@functools.cache
def _list_methods() -> list[Mapping[str, Any]]:
    document = read() or {"resources": {}}
    return [method for resource in document["resources"].values() for method in resource.get("methods", {}).values()]


@functools.cache
def _to_pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))


def _compare(schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    """Compare a value, and all values in it, with its schema."""
    if "$ref" in schema:
        schema = (read() or {})["schemas"][schema["$ref"]]
    kind = schema.get("type")
    if value is None or kind == "any":
        return
    is_number_as_text = schema.get("format") in {"int64", "uint64"} and type(value) is int  # JSON cannot hold them all
    if not is_number_as_text and not isinstance(value, _TYPES[str(kind)]):
        yield f"{place} is not of type {kind}"
    elif value not in schema.get("enum", [value]):
        yield f"{place} cannot be {value}"
    elif kind == "array":
        for at, element in enumerate(value):
            yield from _compare(schema["items"], element, f"{place}[{at}]")
    elif kind == "object":
        for name, member in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if inner is None:
                yield f"{place} has no field {name}"
            else:
                yield from _compare(inner, member, f"{place}.{name}")
