"""Reads the settings from the environment, and puts the parts together for the cloud or for a laptop.

Libraries are imported when they are needed: the function has no DuckDB, and a laptop starts fast.
Longer than 200 lines, because both places, the cloud and a laptop, are put together from the same parts.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.adapters.clock import SystemClock
from kustomer_extract.adapters.kustomer.source import ConnectKustomer, Runtime
from kustomer_extract.adapters.laptop.messages import QueuedContinuations
from kustomer_extract.errors import ConfigInvalid, Problem, RetryLater
from kustomer_extract.pipeline.limits import Limits
from kustomer_extract.pipeline.run import execute, stop
from kustomer_extract.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from kustomer_extract.models import IntegrationName, Message, RunState
    from kustomer_extract.pipeline.invocation import Outcome
    from kustomer_extract.ports import EventLog

LAPTOP_LIMITS = Limits(
    soft_deadline_seconds=20 * 3600, chunk_rows=2_000, compresses_chunks=False, max_failures=1, reads_ahead=True
)
"""A laptop has no time limit of nine minutes, and no limit on the number of loads. Small chunks let DuckDB work while
pages are read; smaller ones take more CPU (docs/performance.md). They stay text: DuckDB would unpack them at once. The
source has already waited for the end of an outage, so the first failure without progress ends the run, and its jobs say
why."""

_TURN_SECONDS = 0.001
"""How long a thread keeps Python while another one waits for it, 0.005 by default. A thread that comes back from DuckDB
or from the network waits so long, several times for a statement or a page."""

_M_MMAP_THRESHOLD = -3  # https://man7.org/linux/man-pages/man3/mallopt.3.html, read 2026-11-27

_LAPTOP = Runtime(key_cure="put its key into KUSTOMER_API_KEY", max_outage_seconds=600)


def run_here(message: Message, ports: Ports) -> Outcome:
    """Run an integration in this process until it ends. Continue messages are delivered here, as Pub/Sub does."""
    queue = ports.continuations
    assert isinstance(queue, QueuedContinuations)
    while True:
        try:
            outcome = execute(message, ports, limits=LAPTOP_LIMITS)
        except RetryLater:
            continue  # the next attempt continues from the state, or ends the run as failed
        if not queue.messages:
            return outcome
        message = queue.messages.pop(0)


def stop_here(message: Message, ports: Ports) -> RunState | None:
    """End the run that was interrupted: published tables stay, and the other jobs are recorded as stopped."""
    return stop(message, ports, limits=LAPTOP_LIMITS, reason="interrupted by Ctrl-C; the next run starts over")


def read_names(config_path: Path) -> Sequence[IntegrationName]:
    """List the integrations of a YAML file.

    Raises:
        ConfigInvalid: the file cannot be read.
    """
    from kustomer_extract.adapters.laptop.configuration import YamlConfigStore

    return YamlConfigStore(config_path).list_names()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that Terraform or the command line decides. The configuration document has none of them.

    Attributes:
        project: GOOGLE_CLOUD_PROJECT.
        topic: PUBSUB_TOPIC, ``projects/P/topics/T``. Continue messages and manual triggers are published to it.
        database: FIRESTORE_DATABASE.
        dataset: BIGQUERY_DATASET, the dataset that people query.
        staging_dataset: BIGQUERY_STAGING_DATASET.
        location: BIGQUERY_LOCATION of both datasets. None: it is read from BigQuery.
        soft_deadline_seconds: SOFT_DEADLINE_SECONDS. After this time an invocation hands over to the next one.
        dashboard_url: DASHBOARD_URL, linked in `_last_run`. None: there is no dashboard.
        kustomer_api_url: KUSTOMER_API_URL, used instead of https://<org>.api.kustomerapp.com: for tests and proxies.
        secret_manager_endpoint: SECRET_MANAGER_ENDPOINT, ``host:port``, for tests.
        pubsub_emulator_host: PUBSUB_EMULATOR_HOST, ``host:port``, for tests.
    """

    project: str
    topic: str
    database: str = "(default)"
    dataset: str = "kustomer"
    staging_dataset: str = "kustomer_staging"
    location: str | None = None
    soft_deadline_seconds: float = Limits().soft_deadline_seconds
    dashboard_url: str | None = None
    kustomer_api_url: str | None = None
    secret_manager_endpoint: str | None = None
    pubsub_emulator_host: str | None = None


_VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "project",
    "PUBSUB_TOPIC": "topic",
    "FIRESTORE_DATABASE": "database",
    "BIGQUERY_DATASET": "dataset",
    "BIGQUERY_STAGING_DATASET": "staging_dataset",
    "BIGQUERY_LOCATION": "location",
    "DASHBOARD_URL": "dashboard_url",
    "KUSTOMER_API_URL": "kustomer_api_url",
    "SECRET_MANAGER_ENDPOINT": "secret_manager_endpoint",
    "PUBSUB_EMULATOR_HOST": "pubsub_emulator_host",
}


def parse_settings(environment: Mapping[str, str]) -> Settings:
    """Read the function's environment. An empty variable counts as absent.

    Raises:
        ConfigInvalid: with every variable that is missing or wrong.
    """
    values: dict[str, str] = {
        name: environment[variable] for variable, name in _VARIABLES.items() if environment.get(variable)
    }
    required = {"GOOGLE_CLOUD_PROJECT": "a project id", "PUBSUB_TOPIC": "projects/<project>/topics/<topic>"}
    problems = [
        Problem(path=variable, found="nothing", allowed=allowed)
        for variable, allowed in required.items()
        if _VARIABLES[variable] not in values
    ]
    text = environment.get("SOFT_DEADLINE_SECONDS") or str(Limits().soft_deadline_seconds)
    seconds = _to_seconds(text)
    if seconds is None:
        problems.append(
            Problem(path="SOFT_DEADLINE_SECONDS", found=repr(text), allowed="seconds, above 0, at most 450")
        )
    if problems or seconds is None:
        raise ConfigInvalid("the function's environment (see infra/function.tf)", problems)
    return Settings(**values, soft_deadline_seconds=seconds)


def _to_seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds <= Limits().soft_deadline_seconds else None


def import_libraries(*, in_cloud: bool) -> None:
    """Import the libraries of the cloud or of a laptop now, not when they are opened."""
    if in_cloud:
        import kustomer_extract.adapters.bigquery.warehouse
        import kustomer_extract.adapters.google.firestore
        import kustomer_extract.adapters.google.secret_manager
    else:
        import kustomer_extract.adapters.duckdb.warehouse
        import kustomer_extract.adapters.laptop.configuration  # noqa: F401


def _give_memory_back() -> None:
    """Let the C library give the memory of a page back to the system as soon as its rows are made.

    glibc learns to keep such blocks, separately for each thread that fetches: 212 MB instead of 149 for 20,000
    conversations. A threshold that is set is not learned any more.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have no such setting
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 128 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The parts that an invocation in the cloud works with."""

    ports: Ports
    limits: Limits


def open_cloud(settings: Settings, *, log: EventLog) -> Cloud:
    """Build the clients of Google Cloud with the application default credentials."""
    from google.api_core.client_options import ClientOptions
    from google.cloud import bigquery, firestore
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    from kustomer_extract.adapters.bigquery.warehouse import BigQueryWarehouse, find_location
    from kustomer_extract.adapters.google import pubsub
    from kustomer_extract.adapters.google.firestore import FirestoreConfigStore, FirestoreRunStore
    from kustomer_extract.adapters.google.links import ConsoleLinks
    from kustomer_extract.adapters.google.secret_manager import SecretManagerStore

    _give_memory_back()
    clock = SystemClock()
    # This client comes first: without credentials its error says what to do.
    continuations = pubsub.connect(settings.topic, emulator_host=settings.pubsub_emulator_host)
    client = bigquery.Client(project=settings.project)
    documents = firestore.Client(project=settings.project, database=settings.database)
    endpoint = settings.secret_manager_endpoint
    secrets = SecretManagerServiceClient(client_options=ClientOptions(api_endpoint=endpoint) if endpoint else None)
    links = ConsoleLinks(project=settings.project, database=settings.database, dashboard=settings.dashboard_url)
    ports = Ports(
        clock=clock,
        configs=FirestoreConfigStore(documents, link=links),
        continuations=continuations,
        log=log,
        open_source=ConnectKustomer(clock=clock, base_url=settings.kustomer_api_url),
        runs=FirestoreRunStore(documents),
        secrets=SecretManagerStore(secrets, project=settings.project),
        warehouse=BigQueryWarehouse(
            client,
            dataset=settings.dataset,
            staging_dataset=settings.staging_dataset,
            location=settings.location or find_location(client, settings.dataset),
            clock=clock,
        ),
    )
    return Cloud(ports=ports, limits=Limits(soft_deadline_seconds=settings.soft_deadline_seconds))


@contextmanager
def open_laptop(
    *, config_path: Path, warehouse_path: Path, environment: Mapping[str, str], log: EventLog, read_only: bool = False
) -> Iterator[Ports]:
    """Open a YAML file and a DuckDB file. The key comes from KUSTOMER_API_KEY.

    Args:
        config_path: The YAML file. It is read again whenever the configuration is needed.
        warehouse_path: The DuckDB file. It is created if it is missing; with `read_only` an empty one is used instead.
        environment: The environment of the process.
        log: Gets the events.
        read_only: Change nothing, and let other processes read the file at the same time.

    Raises:
        ConfigInvalid, WarehouseRefused: a file cannot be used; the message says what to do.
    """
    from kustomer_extract.adapters.duckdb.warehouse import DuckDbWarehouse
    from kustomer_extract.adapters.laptop.configuration import YamlConfigStore
    from kustomer_extract.adapters.laptop.keys import EnvironmentSecretStore
    from kustomer_extract.adapters.laptop.runs import MemoryRunStore

    _give_memory_back()
    sys.setswitchinterval(_TURN_SECONDS)
    clock = SystemClock()
    if read_only and not warehouse_path.exists() and warehouse_path.parent.is_dir():
        warehouse = DuckDbWarehouse.open(":memory:")
    else:
        warehouse = DuckDbWarehouse.open(warehouse_path, read_only=read_only)
    try:
        yield Ports(
            clock=clock,
            configs=YamlConfigStore(config_path, warehouse),
            continuations=QueuedContinuations(),
            log=log,
            open_source=ConnectKustomer(
                clock=clock, base_url=environment.get("KUSTOMER_API_URL") or None, runtime=_LAPTOP
            ),
            runs=MemoryRunStore(),
            secrets=EnvironmentSecretStore(environment),
            warehouse=warehouse,
        )
    finally:
        warehouse.close()
