"""Google's own emulators of Firestore and Pub/Sub. They need gcloud and java."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # there are no stubs

_START_SECONDS = 30.0
_FIRESTORE_JAR = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar"
_FIRESTORE_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_PUBSUB_SCRIPT = "platform/pubsub-emulator/bin/cloud-pubsub-emulator"


@functools.cache
def available() -> bool:
    """Whether both emulators can run on this machine."""
    if not (shutil.which("gcloud") and shutil.which("java")):
        return False
    return (_sdk_root() / _FIRESTORE_JAR).exists() and (_sdk_root() / _PUBSUB_SCRIPT).exists()


def start_firestore() -> Emulator:
    """Start the Firestore emulator without the gcloud wrapper, which is twice as fast."""
    java = ["java", "-Duser.language=en", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return Emulator([*java, "-cp", str(_sdk_root() / _FIRESTORE_JAR), _FIRESTORE_CLASS, "start"])


def start_pubsub() -> Emulator:
    """Start the Pub/Sub emulator, which serves gRPC and REST on one port."""
    return Emulator([str(_sdk_root() / _PUBSUB_SCRIPT)])


class Emulator:
    """A process that serves gRPC at `address` until `close`. Use a new project id in each test instead of a reset."""

    def __init__(self, command: list[str]) -> None:
        port = _find_free_port()
        self.address = f"127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [*command, "--host=127.0.0.1", f"--port={port}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its own process group, so that its children end with it
        )
        try:
            with grpc.insecure_channel(self.address) as channel:  # an open port does not mean that the server is ready
                grpc.channel_ready_future(channel).result(timeout=_START_SECONDS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process and its children."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
                return


def find_sdk() -> Path | None:
    """Find Google's SDK. None if it is not installed."""
    return _sdk_root() if shutil.which("gcloud") else None


@functools.cache
def _sdk_root() -> Path:
    """Find Google's SDK: from the path of gcloud, or, if that is only a wrapper, from its output."""
    command = shutil.which("gcloud") or "gcloud"
    around = Path(command).resolve().parents[1]
    if (around / "platform").is_dir():
        return around
    said = subprocess.run([command, "info", "--format=value(installation.sdk_root)"], check=True, capture_output=True)
    return Path(said.stdout.decode().strip())


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
