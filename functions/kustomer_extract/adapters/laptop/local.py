"""What a laptop has instead of Firestore, Secret Manager and Pub/Sub: a YAML file, memory, and an environment variable.

These are the fakes of the tests too, so they keep the promises of their ports to the letter.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import yaml

from kustomer_extract.config import is_api_key, to_status
from kustomer_extract.errors import ConfigInvalid, Problem, SecretUnavailable, TakenOver, UnknownIntegration
from kustomer_extract.models import ApiKey, IntegrationName, IntegrationStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kustomer_extract.models import Document, RunId, RunState

_KEY_VARIABLE = "KUSTOMER_API_KEY"
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # the file is read at every chunk


class Activations(Protocol):
    """Remembers which integrations a run has made ACTIVE: the YAML file belongs to its author."""

    def is_active(self, integration: IntegrationName) -> bool:
        """Tell whether it was ever marked active."""

    def mark_active(self, integration: IntegrationName) -> None:
        """Remember it."""


class YamlConfigStore:
    """Implements `ConfigStore` on a file ``integrations: {<name>: <document>}``, read anew at every call.

    A document without a status is PENDING: whoever runs the command wants it to run.
    What is PENDING reads as ACTIVE once it was activated.

    Attributes:
        last_runs: What was recorded of each integration's last run.
    """

    def __init__(self, path: Path, activations: Activations | None = None) -> None:
        self._path = path
        self._activations = activations
        self.last_runs: dict[IntegrationName, Mapping[str, object]] = {}
        self._fetched: dict[IntegrationName, Document] = {}

    def list_names(self) -> Sequence[IntegrationName]:
        """All integrations of the file, sorted."""
        return sorted(self._read())

    def fetch(self, integration: IntegrationName) -> Document:
        """Read a document; dates and timestamps are Python's, as YAML types them.

        Raises:
            ConfigInvalid: the file is missing, is no YAML, or lacks the map `integrations`.
        """
        document = self._find(integration)
        self._fetched[integration] = document
        if _is_pending(document) and self._activations and self._activations.is_active(integration):
            return {**document, "status": IntegrationStatus.ACTIVE.value}
        return document

    def locate(self, integration: IntegrationName) -> str:
        """Name the file and the key in it."""
        return f"{self._path}, integrations.{integration}"

    def activate(self, integration: IntegrationName) -> None:
        """Remember that the integration is ACTIVE."""
        document = self._find(integration)
        if self._activations and _is_pending(document) and document == self._fetched.get(integration, document):
            self._activations.mark_active(integration)

    def record_last_run(self, integration: IntegrationName, last_run: Mapping[str, object]) -> None:
        """Remember it for as long as this process lives: the file belongs to its author."""
        self.last_runs[integration] = last_run

    def _find(self, integration: IntegrationName) -> Document:
        documents = self._read()
        if integration not in documents:
            raise UnknownIntegration(integration, sorted(documents))
        return {"status": IntegrationStatus.PENDING.value, **documents[integration]}

    def _read(self) -> Mapping[IntegrationName, Document]:
        try:
            content = yaml.load(self._path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - either is safe
        except OSError as error:
            raise self._invalid(
                "(file)", str(error.strerror), "a readable file; start from kustomer.example.yaml"
            ) from error
        except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
            raise self._invalid("(file)", _describe(error), "YAML, as in kustomer.example.yaml") from error
        documents = content.get("integrations") if isinstance(content, Mapping) else None
        if not isinstance(documents, Mapping) or not documents:
            raise self._invalid("integrations", repr(documents), "a map from names to documents")
        problems = [
            Problem(path=f"integrations.{name}", found=repr(document), allowed="a name, and a map with at least org: …")
            for name, document in documents.items()
            if not (isinstance(name, str) and isinstance(document, Mapping))
        ]
        if problems:
            raise ConfigInvalid(str(self._path), problems)
        return documents

    def _invalid(self, path: str, found: str, allowed: str) -> ConfigInvalid:
        return ConfigInvalid(str(self._path), [Problem(path=path, found=found, allowed=allowed)])


def _describe(error: Exception) -> str:
    """Say in one line what is wrong and where, without quoting the file."""
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else type(error).__name__
    return f"{problem} in line {mark.line + 1}, column {mark.column + 1}" if mark else str(problem)


def _is_pending(document: Document) -> bool:
    return to_status(document["status"]) is IntegrationStatus.PENDING


class MemoryRunStore:
    """Implements `RunStore` in memory: a run that is killed with its process starts over.

    Attributes:
        recorded: The latest run document of each run.
    """

    def __init__(self) -> None:
        self.recorded: dict[RunId, RunState] = {}
        self._states: dict[IntegrationName, RunState] = {}
        self._versions = itertools.count(1)
        self._lock = threading.Lock()

    def fetch(self, integration: IntegrationName) -> RunState | None:
        """Read the state."""
        with self._lock:
            return self._states.get(integration)

    def set_aside(self, integration: IntegrationName) -> str:
        """Forget the state; what is in memory can always be read."""
        with self._lock:
            self._states.pop(integration, None)
        return "nowhere"

    def save(self, state: RunState) -> RunState:
        """Write the state, if nobody has since `state.version`."""
        with self._lock:
            stored = self._states.get(state.integration)
            if state.version != (stored.version if stored else None):
                raise TakenOver(f"run {state.run_id}: somebody else has written the state")
            saved = replace(state, version=next(self._versions))
            self._states[state.integration] = saved
            return saved

    def record(self, state: RunState) -> None:
        """Keep the run document; that of a run that is not finished only if there is none."""
        with self._lock:
            if state.finished_at is not None or state.run_id not in self.recorded:
                self.recorded[state.run_id] = state


class EnvironmentSecretStore:
    """Implements `SecretStore`: a key of the integration's own in KUSTOMER_API_KEY_<NAME>, else KUSTOMER_API_KEY."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def fetch_api_key(self, integration: IntegrationName) -> ApiKey:
        """Read the key."""
        own = f"{_KEY_VARIABLE}_{integration.upper()}"
        variable = own if self._environment.get(own) else _KEY_VARIABLE
        value = self._environment.get(variable, "").strip()
        if is_api_key(value):
            return ApiKey(value)
        fault = "holds characters that no key has" if value else "is missing or empty"
        raise SecretUnavailable(
            f"no API key for {integration}: the environment variable {variable} {fault}. Set it, or {own} for this "
            f"integration alone: read -rs {variable} && export {variable}"
        )
