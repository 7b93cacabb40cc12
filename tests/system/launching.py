"""Launches the function's process: by the command of its run time, or as a fork of a process that has its libraries.

Google's libraries take a second of CPU to import, and some tests launch four processes. A fork differs in nothing else:
it has its own environment, process group and output, and it runs the framework's own command on our source.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerProcess

ROOT = Path(__file__).parents[2]
_LIBRARIES = (
    "cloudevents.http", "functions_framework._cli", "functions_framework._http.gunicorn", "google.cloud.bigquery",
    "google.cloud.firestore", "google.cloud.secretmanager_v1", "gunicorn.workers.gthread", "isal.isal_zlib", "msgspec",
    "requests",
)  # fmt: skip


class Process(Protocol):
    """What a test needs of `subprocess.Popen`."""

    @property
    def pid(self) -> int:
        """Its id, and that of its group."""

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises `subprocess.TimeoutExpired`."""


def launch(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Process:
    """Launch functions-framework by its command, as the run time does."""
    with output.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "functions_framework", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def fork(arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> Process:
    """Launch functions-framework as a fork of this process's fork server, which has imported its libraries."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))
    process = context.Process(target=_run, args=(arguments, environment, str(output)), daemon=True)
    with _variables(environment):  # google-auth reads the address of the metadata server when it is imported
        process.start()
    return _Forked(process)


class _Forked:
    """A fork, as `Process`."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self._process, self.pid = process, process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("functions_framework", timeout or 0)
        return self._process.exitcode


def _run(arguments: Sequence[str], environment: Mapping[str, str], output: str) -> None:
    """Become the function: this runs in the fork."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (sys.__stdout__, sys.__stderr__):
        assert descriptor is not None
        os.dup2(file, descriptor.fileno())
    from functions_framework._cli import _cli  # noqa: PLC0415 - for the fork alone  # type: ignore[import-untyped]

    os.chdir(ROOT)
    _cli(list(arguments))


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
