"""Stand-ins for all Google services that the product uses, in one context manager.

::

    with Cloud() as cloud:
        cloud.secrets.add("acme-kustomer-api-key", "the key")
        subprocess.run(…, env={**os.environ, **cloud.environment})

Google's libraries read two of the variables only once per process: the root certificates (gRPC) and the metadata
server's address (google-auth). So all clouds of a process share both. To build clients in the same process, set
`environment` in `os.environ` before the first client. The clouds also share the Firestore emulator, because it takes
seconds to start. With the emulator, give each cloud a different project.
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
        bigquery: ``.catalog .jobs .calls`` to read, ``.faults`` to order failures.
        secrets: ``.add(name, value) .secrets .calls .faults``.
        firestore: ``.documents .calls .faults``; None on the emulator.
        environment: The variables with which Google's clients find these services.
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
            # Keeps out the developer's own proxy and credentials.
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
    """Build the certificate of this process: private key, certificate, and the file that clients read."""
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
