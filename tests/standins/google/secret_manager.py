"""A stand-in for Secret Manager that serves reading a secret: gRPC over TLS, with the client's message types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import google_crc32c
import grpc  # type: ignore[import-untyped]  # there are no stubs
from google.cloud.secretmanager_v1 import types

from tests.standins.google.rpc import RpcRefused, RpcServer

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"
State = types.SecretVersion.State


@dataclass(slots=True, kw_only=True)
class SecretVersion:
    """A version of a secret. Tests may change it at any time. `corrupted`: its checksum is wrong."""

    value: bytes
    state: int = State.ENABLED
    corrupted: bool = False


@dataclass(slots=True, kw_only=True)
class Secret:
    """A secret with its versions, number 1 first. `denied`: the caller may not read it."""

    versions: list[SecretVersion] = field(default_factory=list)
    denied: bool = False


class SecretManager:
    """Serves `secrets`, by their short names, from construction until `close`. Every project has the same ones."""

    def __init__(self, private_key: bytes, certificate: bytes) -> None:
        self.secrets: dict[str, Secret] = {}
        credentials = grpc.ssl_server_credentials([(private_key, certificate)])
        self._server = RpcServer(
            _SERVICE, types, {"AccessSecretVersion": self._access_secret_version}, credentials=credentials
        )
        self.endpoint = f"localhost:{self._server.port}"  # the name in the certificate
        self.calls, self.faults, self.close = self._server.calls, self._server.faults, self._server.close

    def add(self, name: str, value: str | bytes) -> SecretVersion:
        """Add a version, and the secret itself if there is none."""
        version = SecretVersion(value=value.encode() if isinstance(value, str) else value)
        self.secrets.setdefault(name, Secret()).versions.append(version)
        return version

    def _access_secret_version(self, request: Any) -> Any:
        path, _, wanted = request.name.rpartition("/versions/")
        secret = self.secrets.get(path.rpartition("/secrets/")[2])
        if secret and secret.denied:
            denied = f"Permission 'secretmanager.versions.access' denied for resource '{request.name}'"
            raise RpcRefused(grpc.StatusCode.PERMISSION_DENIED, f"{denied} (or it may not exist).")
        versions = secret.versions if secret else []
        number = len(versions) if wanted == "latest" else int(wanted)
        if not 1 <= number <= len(versions):
            raise RpcRefused(grpc.StatusCode.NOT_FOUND, f"Secret [{path}] not found or has no versions.")
        version = versions[number - 1]
        name = f"{path}/versions/{number}"
        if version.state != State.ENABLED:
            refusal = f"Secret Version [{name}] is in {State(version.state).name} state."
            raise RpcRefused(grpc.StatusCode.FAILED_PRECONDITION, refusal)
        checksum = google_crc32c.value(version.value) ^ version.corrupted
        payload = types.SecretPayload(data=version.value, data_crc32c=checksum)
        return types.AccessSecretVersionResponse.pb(types.AccessSecretVersionResponse(name=name, payload=payload))
