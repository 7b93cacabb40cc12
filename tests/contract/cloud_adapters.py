"""The cloud adapters on stand-ins. Clients and settings are those of the function, except for timeouts."""

from __future__ import annotations

import contextlib
import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.api_core.client_options import ClientOptions
from google.cloud import bigquery, firestore, secretmanager

from kustomer_extract.adapters.bigquery.warehouse import BigQueryWarehouse
from kustomer_extract.adapters.bigquery.work import Timeouts
from kustomer_extract.adapters.google.errors import SHORT_RETRY
from kustomer_extract.adapters.google.firestore import FirestoreConfigStore, FirestoreRunStore
from kustomer_extract.adapters.google.secret_manager import SecretManagerStore
from tests.standins.clock import VirtualClock
from tests.standins.google.cloud import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.api_core.retry import Retry

DATASET = "kustomer"
STAGING = "kustomer_staging"
LOCATION = "EU"

# Both retry without noticeable pauses. RETRY is for calls that will succeed, BRIEF_RETRY for those that never will.
RETRY = SHORT_RETRY.with_delay(initial=0.001, maximum=0.005)
BRIEF_RETRY = RETRY.with_timeout(0.02)


def build_timeouts(retry: Retry = RETRY) -> Timeouts:
    """Build timeouts with the waits of `retry`, for what BigQuery's client retries. An upload stops after a second."""
    delays = bigquery.DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.005)
    return Timeouts(retry=delays.with_timeout(retry.timeout), upload_retries=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudClients:
    """A cloud of stand-ins, and Google's clients for it. All adapters use `clock`."""

    cloud: Cloud
    clock: VirtualClock
    bigquery: bigquery.Client
    firestore: firestore.Client
    secrets: secretmanager.SecretManagerServiceClient


@contextlib.contextmanager
def open_cloud(*, emulator: bool = False) -> Iterator[CloudClients]:
    """Start a cloud with both datasets, and connect to it through environment variables, as the function does.

    Google's Firestore emulator runs until the process ends. With it, each cloud is a separate project.
    """
    with contextlib.ExitStack() as closing:
        emulated = Cloud(f"project-{uuid.uuid4().hex[:8]}", firestore="emulator") if emulator else None
        cloud = closing.enter_context(emulated or Cloud())
        closing.enter_context(_environment(cloud.environment))
        warehouse = closing.enter_context(contextlib.closing(bigquery.Client()))
        documents = closing.enter_context(contextlib.closing(firestore.Client()))
        options = ClientOptions(api_endpoint=cloud.secrets.endpoint)
        secrets = closing.enter_context(secretmanager.SecretManagerServiceClient(client_options=options))
        for name in (DATASET, STAGING):
            dataset = bigquery.Dataset(f"{cloud.project}.{name}")
            dataset.location = LOCATION
            warehouse.create_dataset(dataset)
        yield CloudClients(cloud=cloud, clock=VirtualClock(), bigquery=warehouse, firestore=documents, secrets=secrets)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def build_warehouse(clients: CloudClients, *, location: str = LOCATION, retry: Retry = RETRY) -> BigQueryWarehouse:
    """Build the warehouse."""
    return BigQueryWarehouse(
        clients.bigquery,
        dataset=DATASET,
        staging_dataset=STAGING,
        location=location,
        clock=clients.clock,
        timeouts=build_timeouts(retry),
    )


def build_config_store(clients: CloudClients, *, retry: Retry = RETRY) -> FirestoreConfigStore:
    """Build the store of the documents that `edit_document` writes."""
    return FirestoreConfigStore(clients.firestore, retry=retry)


def build_run_store(clients: CloudClients, *, retry: Retry = RETRY) -> FirestoreRunStore:
    """Build the store of run states."""
    return FirestoreRunStore(clients.firestore, retry=retry)


def build_secret_store(clients: CloudClients, *, retry: Retry = RETRY) -> SecretManagerStore:
    """Build the store of the keys that `add_key` adds."""
    return SecretManagerStore(clients.secrets, project=clients.cloud.project, retry=retry)


def edit_document(clients: CloudClients, name: str, document: Mapping[str, Any]) -> None:
    """Replace a configuration document, as a person does in the console."""
    clients.firestore.document(f"integrations/{name}").set(dict(document))


def add_key(clients: CloudClients, name: str, value: str) -> None:
    """Add a version to an integration's secret."""
    clients.cloud.secrets.add(f"{name}-kustomer-api-key", value)
