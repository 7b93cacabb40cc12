"""Firestore: the configuration document that people edit, the run state, and the run documents that people read."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import AlreadyExists, FailedPrecondition, Forbidden, NotFound

from kustomer_extract.adapters.codec import parse_state_document, to_run_document, to_state_document
from kustomer_extract.adapters.google.errors import SHORT_RETRY, Service
from kustomer_extract.config import to_status
from kustomer_extract.errors import ServiceRefused, TakenOver, UnknownIntegration
from kustomer_extract.models import IntegrationName, IntegrationStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from google.api_core.retry import Retry
    from google.cloud import firestore

    from kustomer_extract.models import JsonObject, RunState

_CALL_SECONDS = 20.0


class FirestoreConfigStore:
    """Implements `ConfigStore`: documents `integrations/<name>`.

    Args:
        client: The client for the project and database.
        retry: Repeats one call.
        call_seconds: How long one call may take.
        link: Returns the links for `_last_run`: name of the page → address.
    """

    def __init__(
        self,
        client: firestore.Client,
        *,
        retry: Retry = SHORT_RETRY,
        call_seconds: float = _CALL_SECONDS,
        link: Callable[[IntegrationName], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self._client = client
        self._link = link
        self._integrations = client.collection("integrations")
        self._call: dict[str, Any] = {"retry": retry, "timeout": call_seconds}
        self._service = _describe_service(client)
        self._read: dict[IntegrationName, firestore.DocumentSnapshot[Any]] = {}

    def list_names(self) -> Sequence[IntegrationName]:
        """List the existing documents. A deleted document that still has a history is not listed."""
        with self._service.translate("listing integrations"):
            return sorted(
                IntegrationName(found.id) for found in self._integrations.select(["__name__"]).stream(**self._call)
            )

    def fetch(self, integration: IntegrationName) -> JsonObject:
        """Read the document, and remember its version."""
        with self._service.translate(f"reading integrations/{integration}"):
            snapshot = self._integrations.document(integration).get(**self._call)
        if not snapshot.exists:
            raise UnknownIntegration(integration, known=self.list_names())
        self._read[integration] = snapshot
        return {name: _to_plain(value) for name, value in (snapshot.to_dict() or {}).items()}

    def locate(self, integration: IntegrationName) -> str:
        """Return the path that the console shows."""
        return f"Firestore document integrations/{integration}"

    def activate(self, integration: IntegrationName) -> None:
        """Set the status if the document is unchanged since it was read."""
        if integration not in self._read:
            self.fetch(integration)
        snapshot = self._read[integration]
        if to_status((snapshot.to_dict() or {}).get("status")) is not IntegrationStatus.PENDING:
            return
        unchanged = self._client.write_option(last_update_time=snapshot.update_time)
        with self._service.translate(f"activating integrations/{integration}"):
            try:
                snapshot.reference.update({"status": IntegrationStatus.ACTIVE.value}, option=unchanged, **self._call)
            except (FailedPrecondition, NotFound):
                return  # somebody has edited it, or the answer to our own write was lost

    def record_last_run(self, integration: IntegrationName, last_run: Mapping[str, object]) -> None:
        """Update this field. A merge would create a deleted document again."""
        reference = self._integrations.document(integration)
        with self._service.translate(f"writing _last_run of {reference.path}"), suppress(NotFound):
            reference.update({"_last_run": {**last_run, "links": self._link(integration)}}, **self._call)


class FirestoreRunStore:
    """Implements `RunStore`: documents `integrations/<name>/state/run` and `integrations/<name>/runs/<run_id>`.

    The version of a state is the update time of its document. Each write has a random `writer`, for two reasons:
    Firestore does not count a write that changes nothing, and a writer that got no answer recognises its own write.

    Args:
        client: The client for the project and database.
        retry: Repeats one call.
        call_seconds: How long one call may take.
    """

    def __init__(
        self, client: firestore.Client, *, retry: Retry = SHORT_RETRY, call_seconds: float = _CALL_SECONDS
    ) -> None:
        self._client = client
        self._call: dict[str, Any] = {"retry": retry, "timeout": call_seconds}
        self._service = _describe_service(client)

    def fetch(self, integration: IntegrationName) -> RunState | None:
        """Read the state document."""
        reference = self._refer_to_state(integration)
        with self._service.translate(f"reading {reference.path}"):
            snapshot = reference.get(**self._call)
        if not snapshot.exists:
            return None
        document: Any = _to_plain(snapshot.to_dict())
        return parse_state_document(integration, document, version=snapshot.update_time)

    def set_aside(self, integration: IntegrationName) -> str:
        """Copy the state document to another name, then delete it if it is unchanged."""
        reference = self._refer_to_state(integration)
        with self._service.translate(f"setting {reference.path} aside"):
            snapshot = reference.get(**self._call)
            if not snapshot.exists:
                raise TakenOver(f"{reference.path} was set aside by another invocation")
            copy = self._client.document(f"{reference.path.removesuffix('run')}set_aside-{_to_stamp(snapshot)}")
            copy.set(snapshot.to_dict() or {}, **self._call)
            unchanged = self._client.write_option(last_update_time=snapshot.update_time)
            try:
                reference.delete(option=unchanged, **self._call)
            except (FailedPrecondition, NotFound) as error:
                raise TakenOver(f"{reference.path} was written by another invocation") from error
        return str(copy.path)

    def save(self, state: RunState) -> RunState:
        """Write the whole state document if it still has its last version."""
        reference, writer = self._refer_to_state(state.integration), uuid.uuid4().hex
        document = {**to_state_document(state), "writer": writer}
        with self._service.translate(f"writing {reference.path}"):
            try:
                if state.version is None:
                    written = reference.create(document, **self._call)
                else:
                    unchanged = self._client.write_option(last_update_time=state.version)
                    written = reference.update(document, option=unchanged, **self._call)
            except (AlreadyExists, FailedPrecondition, NotFound) as error:
                found = reference.get(**self._call)
                if (found.to_dict() or {}).get("writer") != writer:
                    raise TakenOver(f"{reference.path} was written by another invocation") from error
                return replace(state, version=found.update_time)
        return replace(state, version=written.update_time)

    def record(self, state: RunState) -> None:
        """Write the whole run document; for an unfinished run only if there is none yet."""
        reference = self._client.document(f"integrations/{state.integration}/runs/{state.run_id}")
        with self._service.translate(f"writing {reference.path}"):
            if state.finished_at is not None:
                reference.set(to_run_document(state), **self._call)
                return
            with suppress(AlreadyExists):
                reference.create(to_run_document(state), **self._call)

    def _refer_to_state(self, integration: IntegrationName) -> firestore.DocumentReference:
        return self._client.document(f"integrations/{integration}/state/run")


def _to_stamp(snapshot: firestore.DocumentSnapshot[Any]) -> str:
    """Return when a document was last written, so that setting it aside twice gives the same name."""
    return f"{snapshot.update_time:%Y%m%dt%H%M%S%fz}"


def _describe_service(client: firestore.Client) -> Service:
    """Say what a person has to do after a refusal."""
    database = f"{client._database} of project {client.project}"  # noqa: SLF001 - the client names it nowhere else
    return Service(
        name="Firestore",
        refuse=lambda what, cure: ServiceRefused(f"Firestore database {database}", what=what, cure=cure),
        cures={
            Forbidden: "Grant the caller roles/datastore.user on this database, and see that its API is switched on",
            NotFound: "There is no database of this name: run terraform apply, or correct FIRESTORE_DATABASE",
            FailedPrecondition: "The database must be in native mode",
        },
    )


def _to_plain(value: Any) -> Any:
    """Turn what the client returns into plain values. A type that YAML does not have becomes text."""
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_plain(item) for item in value]
    if isinstance(value, datetime):  # the client has its own class with nanoseconds, in UTC
        return datetime.combine(value.date(), value.time(), UTC)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
