"""Secret Manager, as far as reading a secret goes: gRPC over TLS, with the client's own message types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc
from google.cloud.secretmanager_v1 import types

from tests.standins.google.rpc import Method, RpcRefused, RpcServer

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
State = types.SecretVersion.State


@dataclass(slots=True)
class SecretVersion:
    """One value of a secret; tests may change it at any time."""

    value: bytes
    state: State = State.ENABLED
    corrupted: bool = False  # sent with a checksum that does not fit


@dataclass(slots=True)
class Secret:
    """Its versions, number 1 first. `denied`: the caller lacks the right to read it."""

    versions: list[SecretVersion] = field(default_factory=list)
    denied: bool = False


class SecretManager:
    """Serves `secrets`, by their short names; every project has the same."""

    def __init__(self, private_key: bytes, certificate: bytes) -> None:
        self.secrets: dict[str, Secret] = {}
        access = Method(
            handler=self._access,
            request=types.AccessSecretVersionRequest.pb(),
            response=types.AccessSecretVersionResponse.pb(),
        )
        credentials = grpc.ssl_server_credentials([(private_key, certificate)])
        self._server = RpcServer(_SERVICE, {"AccessSecretVersion": access}, credentials=credentials)
        self.endpoint = f"localhost:{self._server.port}"  # the name in the certificate
        self.faults = self._server.faults
        self.calls = self._server.calls

    def add(self, name: str, value: str | bytes) -> SecretVersion:
        """Add a version, and the secret itself if there is none."""
        version = SecretVersion(value.encode() if isinstance(value, str) else value)
        self.secrets.setdefault(name, Secret()).versions.append(version)
        return version

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def _access(self, request: Any) -> Any:
        path, _, wanted = request.name.rpartition("/versions/")
        secret = self.secrets.get(path.rpartition("/secrets/")[2])
        if secret is None:
            raise RpcRefused(grpc.StatusCode.NOT_FOUND, f"Secret [{path}] not found or has no versions.")
        if secret.denied:
            right = "Permission 'secretmanager.versions.access' denied for resource"
            raise RpcRefused(grpc.StatusCode.PERMISSION_DENIED, f"{right} '{request.name}' (or it may not exist).")
        number = len(secret.versions) if wanted == "latest" else int(wanted)
        name = f"{path}/versions/{number}"
        if not 1 <= number <= len(secret.versions):
            raise RpcRefused(grpc.StatusCode.NOT_FOUND, f"Secret Version [{name}] not found.")
        version = secret.versions[number - 1]
        if version.state is not State.ENABLED:
            refusal = f"Secret Version [{name}] is in {version.state.name} state."
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, refusal)
        checksum = google_crc32c.value(version.value) ^ version.corrupted
        payload = types.SecretPayload(data=version.value, data_crc32c=checksum)
        return types.AccessSecretVersionResponse.pb(types.AccessSecretVersionResponse(name=name, payload=payload))
