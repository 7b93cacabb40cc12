"""All Google services that the product talks to, on one machine, under one roof.

::

    with Cloud() as cloud:
        cloud.secrets.add("acme-kustomer-api-key", "the key")
        subprocess.run(…, env={**os.environ, **cloud.environment})

Google's libraries read two of the variables only once per process: the root certificates (gRPC) and the metadata
server's address (google-auth). So both are made once per process and shared by all its clouds, and clients may be
built in this very process too, with `environment` put into `os.environ` before the first of them. So is the Firestore
emulator, since it takes seconds to start; there, give each cloud a project of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from tests.standins.google.bigquery.server import BigQuery
from tests.standins.google.certificate import build_certificate
from tests.standins.google.emulators import Emulator, start_firestore
from tests.standins.google.firestore import Firestore
from tests.standins.google.metadata import MetadataServer
from tests.standins.google.secret_manager import SecretManager

if TYPE_CHECKING:
    from types import TracebackType


class Cloud:
    """BigQuery, Firestore, Secret Manager and the metadata server; a context manager.

    Attributes:
        bigquery: ``.catalog .jobs .calls .faults`` to look at and to order.
        secrets: ``.add(name, value) .secrets .calls .faults``.
        firestore: ``.documents .calls .faults``; None on the emulator.
        environment: Variables under which Google's clients find all of it.
    """

    def __init__(self, project: str = "demo-project", *, firestore: Literal["standin", "emulator"] = "standin") -> None:
        self.project = project
        self._wants_emulator = firestore == "emulator"
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        private_key, certificate, certificate_path = _certificate()
        metadata = _metadata_server()
        self.bigquery = BigQuery()
        self._closing.callback(self.bigquery.close)
        self.secrets = SecretManager(private_key, certificate)
        self._closing.callback(self.secrets.close)
        self.firestore = None if self._wants_emulator else Firestore()
        if self.firestore:
            self._closing.callback(self.firestore.close)
        self.environment = {
            "GOOGLE_CLOUD_PROJECT": self.project,
            "BIGQUERY_EMULATOR_HOST": self.bigquery.url,
            "FIRESTORE_EMULATOR_HOST": self.firestore.address if self.firestore else _emulator().address,
            "SECRET_MANAGER_ENDPOINT": self.secrets.endpoint,
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate_path),
            "GCE_METADATA_HOST": metadata.address,
            "GCE_METADATA_IP": metadata.address,
            # A developer's own proxy and credentials stay out of it.
            "no_proxy": "127.0.0.1,localhost",
            "GOOGLE_APPLICATION_CREDENTIALS": "",
            "CLOUDSDK_CONFIG": str(certificate_path.parent),
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.close()


@functools.cache
def _certificate() -> tuple[bytes, bytes, Path]:
    """Make this process's certificate: private key, certificate, and the file that clients read it from."""
    directory = tempfile.TemporaryDirectory(prefix="certificate-")
    atexit.register(directory.cleanup)
    private_key, certificate = build_certificate()
    path = Path(directory.name, "roots.pem")
    path.write_bytes(certificate)
    return private_key, certificate, path


@functools.cache
def _metadata_server() -> MetadataServer:
    """Start this process's metadata server."""
    server = MetadataServer()
    atexit.register(server.close)
    return server


@functools.cache
def _emulator() -> Emulator:
    """Start this process's Firestore emulator."""
    emulator = start_firestore()
    atexit.register(emulator.close)
    return emulator
