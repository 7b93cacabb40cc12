"""Fixtures of the installation tests. Without a package index the tests are skipped, but in CI they fail."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.install.machine import OLDEST_PIP, fabricate_release, find_needed_extras, read_pins, run, scrub_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def fetch(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that installs a package into a separate folder, for PYTHONPATH."""
    fetched: dict[str, Path] = {}

    def fetch(requirement: str) -> Path:
        if requirement not in fetched:
            folder = tmp_path_factory.mktemp("fetched")
            install = ("install", "--quiet", "--no-deps", "--only-binary=:all:", f"--target={folder}")
            done = run(sys.executable, "-I", "-m", "pip", *install, requirement)
            if done.returncode and "CI" not in os.environ:
                pytest.skip(f"{requirement} cannot be fetched: {done.stdout.strip()[-200:]}")
            assert done.returncode == 0, done.stdout
            fetched[requirement] = folder
        return fetched[requirement]

    return fetch


@pytest.fixture(scope="session", params=[f"pip=={OLDEST_PIP}", "pip"], ids=["oldest", "newest"])
def pip(request: pytest.FixtureRequest, fetch: Callable[[str], Path]) -> Callable[..., str]:
    """Return a function that runs pip: the oldest that comes with this Python, or the newest."""
    folder = fetch(request.param)

    def pip(*arguments: str) -> str:
        environment = scrub_environment(PYTHONPATH=str(folder), PIP_DISABLE_PIP_VERSION_CHECK="1")
        done = run(sys.executable, "-m", "pip", *arguments, env=environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return pip


@pytest.fixture(scope="session")
def newer_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a folder with made-up newer releases of all packages that are needed with an extra."""
    folder = tmp_path_factory.mktemp("newer_releases")
    versions = {name: version for name, _, version, _ in read_pins("requirements-dev.txt")}
    for name, extras in find_needed_extras().items():
        if name in versions:
            fabricate_release(folder, name, f"{versions[name].split('.')[0]}.9999", extras)
    return folder
