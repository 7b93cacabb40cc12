"""The whole product on one machine: the function in its own process, with stand-ins for Google and Kustomer."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, firestore

from tests.standins.google import emulators
from tests.standins.google.cloud import Cloud
from tests.standins.google.log_entry import parse_log_line
from tests.standins.google.pubsub import Published, PubSub
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox
from tests.system import launching

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from google.cloud.logging_v2.types import LogEntry

    Launch: TypeAlias = Callable[[Sequence[str], Mapping[str, str], Path], launching.Process]

_TOPIC = "projects/demo-project/topics/kustomer-extract"
_DATABASE = "kustomer"  # a named one, as deployed
_START_SECONDS = 30.0
FIRESTORE: Literal["standin", "emulator"] = "emulator" if emulators.available() else "standin"
"""Google's emulator if it is installed. tests/contract/google compares our stand-in with it."""
_PLENTY = RateLimit(requests=100_000)  # so that no test waits for its turn
_NUMBERS = itertools.count(1)


def _credentials() -> AnonymousCredentials:
    return AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth has no annotations there


class Function:
    """A process of the function under functions-framework. It ends with `close`, or is killed.

    Attributes:
        open_seconds: From the start of the process until it accepted connections.
    """

    def __init__(self, environment: Mapping[str, str], launch: Launch = launching.launch) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        began = time.monotonic()
        self._output = tempfile.NamedTemporaryFile("r")  # noqa: SIM115 - closed with the function
        self._forgotten = 0
        self.process = launch(
            ["--source=functions/main.py", "--target=extract", "--host=127.0.0.1", f"--port={self.port}"],
            {**os.environ, "PYTHONPATH": "functions", **environment},
            Path(self._output.name),
        )
        self._wait_until_open()
        self.open_seconds = time.monotonic() - began

    def _wait_until_open(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"the function did not start:\n{self.read_output()}")

    def push(self, message: Published, *, timeout: float = 120) -> int:
        """Deliver a message once, as a push subscription does. Return the status, or 0 without a response."""
        return self._post(message, {}, timeout=timeout)

    def push_raw(self, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Deliver any body, as a subscription with other settings might."""
        return self._send(body, headers or {}, timeout=30)

    def push_cloud_event(self, message: Published, *, timeout: float = 120) -> int:
        """Deliver a message once, as Eventarc does: a CloudEvent in binary mode."""
        event = {
            "ce-id": message.message_id,
            "ce-source": f"//pubsub.googleapis.com/{_TOPIC}",
            "ce-specversion": "1.0",
            "ce-time": message.published_at.isoformat(),
            "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        }
        return self._post(message, event, timeout=timeout)

    def _post(self, message: Published, headers: Mapping[str, str], *, timeout: float) -> int:
        return self._send(message.to_push(), headers, timeout=timeout)

    def _send(self, body: bytes, headers: Mapping[str, str], *, timeout: float) -> int:
        request = urllib.request.Request(  # with the path of the real push subscription
            f"http://127.0.0.1:{self.port}/{_TOPIC}",
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1",
                **headers,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def signal(self, how: signal.Signals) -> None:
        """Send a signal to all its processes, if they still run."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)

    def read_output(self) -> str:
        """Read what it has written since the last `forget_output`."""
        # Without a seek: the process shares the position in the file, and would overwrite its output.
        size = os.fstat(self._output.fileno()).st_size - self._forgotten
        return os.pread(self._output.fileno(), size, self._forgotten).decode()

    def forget_output(self) -> None:
        """Make `read_output` leave out what it has written so far."""
        self._forgotten += len(self.read_output().encode())

    def close(self) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.signal(how)
                try:
                    self.process.wait(timeout=5)
                except subprocess.TimeoutExpired:
                    continue
        self.process.wait()
        self._output.close()


class Installation:
    """One deployment with one integration. A context manager.

    Attributes:
        name: The name of the integration.

    Args:
        sandbox: Options of the Kustomer sandbox.
        firestore: Our stand-in, or Google's emulator.
        settings: More environment variables of the function.
        launch: The way in which its processes are launched.
    """

    def __init__(
        self,
        *,
        sandbox: Mapping[str, Any] | None = None,
        firestore: Literal["standin", "emulator"] = "standin",
        settings: Mapping[str, str] | None = None,
        launch: Launch = launching.fork,
    ) -> None:
        self._closing = ExitStack()
        self.cloud = Cloud(firestore=firestore)
        defaults = {"conversations": 250, "surveys": 12, "limit": _PLENTY, "search_limit": _PLENTY}
        self.kustomer = Sandbox(**{**defaults, **(sandbox or {})})
        self._settings, self._launch = settings or {}, launch
        self.name = "acme"

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self.cloud)
            opening.enter_context(self.kustomer)
            self.pubsub = PubSub()
            opening.callback(self.pubsub.close)
            self.environment = {
                **self.cloud.environment,
                "PUBSUB_TOPIC": _TOPIC,
                "PUBSUB_EMULATOR_HOST": self.pubsub.address,
                "FIRESTORE_DATABASE": _DATABASE,
                "KUSTOMER_API_URL": self.kustomer.url,
                **self._settings,
            }
            self._open_clients(opening)
            self.configure()
            self.function = self.start_function()
            self._closing = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.function.close()
        self._closing.close()

    def _open_clients(self, opening: ExitStack) -> None:
        project = self.cloud.project
        self.bigquery = bigquery.Client(
            project=project,
            credentials=_credentials(),
            client_options={"api_endpoint": self.cloud.bigquery.url},
        )
        opening.callback(self.bigquery.close)
        for dataset in ("kustomer", "kustomer_staging"):
            self.bigquery.create_dataset(dataset)
        os.environ["FIRESTORE_EMULATOR_HOST"] = self.environment["FIRESTORE_EMULATOR_HOST"]
        self.firestore = firestore.Client(project=project, database=_DATABASE, credentials=_credentials())
        del os.environ["FIRESTORE_EMULATOR_HOST"]
        opening.callback(self.firestore.close)

    def start_function(self) -> Function:
        """Start an instance."""
        return Function(self.environment, self._launch)

    def reset(self) -> None:
        """Reset: use a new integration, remove all faults, and empty the log."""
        self.name = f"shared{next(_NUMBERS)}"
        self.cloud.bigquery.faults.clear()
        self.cloud.bigquery.jobs.all.clear()
        self.kustomer.clear_faults()
        self.kustomer.requests.clear()
        self.kustomer.latency_seconds = 0.0
        self.pubsub.waiting.clear()
        self.function.forget_output()
        self.configure()

    def configure(self, name: str | None = None, **changes: Any) -> None:
        """Edit a configuration document, as a person does in the console."""
        name = name or self.name
        self.cloud.secrets.add(f"{name}-kustomer-api-key", self.kustomer.key)
        self.firestore.document(f"integrations/{name}").set({"org": name, "status": "PENDING", **changes})

    def trigger(self, body: Any = None, *, published_at: datetime | None = None) -> Published:
        """Publish a trigger, without delivering it."""
        return self.pubsub.publish(body or {"integration": self.name, "trigger": "schedule"}, published_at=published_at)

    def run(self, message: Published | None = None, *, deliveries: int = 50) -> list[int]:
        """Deliver a message and those that follow, each until it is acknowledged. Return the statuses in order."""
        waiting, statuses = [message or self.trigger()], list[int]()
        while waiting and len(statuses) < deliveries:
            current = waiting.pop(0)
            statuses.append(self.function.push(current))
            if statuses[-1] != 200:
                waiting.append(current)
            while following := self.pubsub.take():
                waiting.append(following)
        assert not waiting, f"not acknowledged after {deliveries} deliveries: {statuses}"
        return statuses

    def read_ids(self, table: str, *, of: str | None = None) -> list[str]:
        """Read the ids of a live table of the integration, or of another one, sorted."""
        rows = self.bigquery.list_rows(
            f"kustomer.{of or self.name}_{table}", selected_fields=[bigquery.SchemaField("id", "STRING")]
        )
        return sorted(row["id"] for row in rows)

    def read_jobs(self) -> list[dict[str, Any]]:
        """Read the integration's rows of `_jobs`, in order of start and table."""
        rows = [dict(row) for row in self.bigquery.list_rows("kustomer._jobs") if row["integration"] == self.name]
        return sorted(rows, key=lambda row: (row["started_at"], row["table_name"]))

    def read_run(self, run_id: str) -> dict[str, Any] | None:
        """Read the document of one of the integration's runs."""
        return self.read_document(f"integrations/{self.name}/runs/{run_id}")

    def read_document(self, path: str) -> dict[str, Any] | None:
        """Read a document of Firestore."""
        content: dict[str, Any] | None = self.firestore.document(path).get().to_dict()
        return content

    def read_log(self) -> list[LogEntry]:
        """Read the log of the function. Every line must be a valid entry of Cloud Logging."""
        return [parse_log_line(line) for line in self.function.read_output().splitlines()]
