"""Reads a YAML file of documents strictly: mistakes that YAML would accept silently are problems with their place.

Messages do not quote the file, because somebody may have pasted a key into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from kustomer_extract.errors import ConfigInvalid, Problem

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from pathlib import Path

    from kustomer_extract.models import Document, IntegrationName

_BASE: Any = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_KINDS = {
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


class _Loader(_BASE):  # type: ignore[misc] # chosen above
    """Refuses a key that a map has twice, and a date that does not exist."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the base's
        seen: dict[str, int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                again = f"the key {key.value!r} a second time (first in line {seen[key.value] + 1})"
                raise yaml.MarkedYAMLError(problem=again, problem_mark=key.start_mark)
            seen[key.value] = key.start_mark.line
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_yaml_timestamp(self, node: Any) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem="a date that does not exist", problem_mark=node.start_mark) from error


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_timestamp)


def read_documents(path: Path) -> Mapping[IntegrationName, Document]:
    """Read ``integrations: {<name>: <document>}``. Dates and timestamps are Python objects, as YAML types them.

    Raises:
        ConfigInvalid: the file is missing, is not YAML, or lacks the map `integrations`.
    """
    content = _read(path)
    documents = content.get("integrations") if isinstance(content, Mapping) else content
    if not isinstance(documents, Mapping) or not documents:
        found = "an empty map" if documents == {} else _KINDS.get(type(documents), "something else")
        where = "integrations" if isinstance(content, Mapping) else "(file)"
        raise _to_problem(path, where, found, "a map from names to documents: integrations: {acme: {org: acme}}")
    problems = [
        Problem(
            path=f"integrations.{name}",
            found=_KINDS.get(type(document), "a name that is not text"),
            allowed="a name, and a map with at least org: …",
        )
        for name, document in documents.items()
        if not (isinstance(name, str) and isinstance(document, Mapping))
    ]
    if problems:
        raise ConfigInvalid(str(path), problems)
    return documents


def _read(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except OSError as error:
        cure = "a readable file: write one with kustomer-extract init, or copy kustomer.example.yaml"
        raise _to_problem(path, "(file)", str(error.strerror).lower(), cure) from error
    try:
        return _parse(data)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _to_problem(path, f"line {line}", "bytes that are not UTF-8", "a text file saved as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        found = _to_words(error, data.decode("utf-8-sig").splitlines())
        raise _to_problem(path, _to_place(error), found, "YAML, as in kustomer.example.yaml") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _to_problem(path, "(file)", "no YAML", "YAML, as in kustomer.example.yaml") from error


@lru_cache(maxsize=1)
def _parse(data: bytes) -> Any:
    """Parse a file's content; nobody may change what is returned, for it is parsed anew only when the file changed."""
    return yaml.load(data.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - it is a safe loader


def _to_place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "(file)"


def _to_words(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> str:
    """Say what is wrong in words for a person who edits the file."""
    mark = error.problem_mark
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab: YAML indents with spaces"
    return str(error.problem).removeprefix("found ")


def _to_problem(path: Path, where: str, found: str, allowed: str) -> ConfigInvalid:
    return ConfigInvalid(str(path), [Problem(path=where, found=found, allowed=allowed)])
