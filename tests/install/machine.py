"""Helpers of the installation tests: a clean environment, a copy of the project, made-up newer releases."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
"""The interpreter with which the environment of the tests was created."""

OLDEST_PIP = {11: "23.0", 12: "23.2.1", 13: "24.2", 14: "25.2"}[sys.version_info.minor]
"""The oldest pip that comes with this Python (3.11: on Debian 12)."""

_KEPT = re.compile(r"(HOME|PATH|LANG|PIP_(CACHE_DIR|CERT|CONFIG_FILE|FIND_LINKS|.*INDEX.*|PROXY|TRUSTED_HOST)|.*_PROXY|.*_CERT_FILE|.*_CA_BUNDLE)", re.IGNORECASE)  # fmt: skip  # noqa: E501
"""Variables that an index, a proxy or a certificate may need."""

_TREE = shutil.ignore_patterns(".git", ".venv*", ".*_cache", "*.egg-info", "__pycache__", "*.duckdb", ".terraform*", ".build")  # fmt: skip  # noqa: E501
_PIN = re.compile(r"^([\w.-]+)(?:\[([\w.,-]+)\])?==([^\s;]+)(?: ; (.*?))? \\$", re.MULTILINE)


def scrub_environment(**variables: str) -> dict[str, str]:
    """Build an environment with only what is needed to reach the index, and with `variables`."""
    return {**{name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}, **variables}


def run(*command: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment, or in `env`. The output includes standard error."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=env or scrub_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def copy_project(folder: Path) -> Path:
    """Copy the files of a fresh clone."""
    shutil.copytree(ROOT, folder, ignore=_TREE)
    return folder


def read_pins(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Read a compiled list: name, extras, version and marker of each pin. An absent one is ""."""
    yield from _PIN.findall((ROOT / name).read_text())


def read_versions(name: str) -> dict[str, str]:
    """Read the versions that a list installs on this platform."""
    pins = read_pins(name)
    return {package: version for package, _, version, marker in pins if not marker or Marker(marker).evaluate()}


def find_needed_extras() -> dict[str, set[str]]:
    """Find the installed packages that others need with an extra, and the extras, as pip does."""
    waiting: list[tuple[str, str]] = [(canonicalize_name(found.name), "") for found in metadata.distributions()]
    seen = set(waiting)
    while waiting:
        new = set(_follow(*waiting.pop())) - seen
        seen |= new
        waiting += new
    needed: dict[str, set[str]] = {}
    for name, extra in seen:
        if extra and name != "kustomer-extract":
            needed.setdefault(name, set()).add(extra)
    return needed


def _follow(name: str, extra: str) -> Iterator[tuple[str, str]]:
    try:
        texts = metadata.requires(name) or ()
    except metadata.PackageNotFoundError:  # for another platform
        return
    for requirement in map(Requirement, texts):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield from ((canonicalize_name(requirement.name), wanted) for wanted in ("", *requirement.extras))


def fabricate_release(folder: Path, name: str, version: str, extras: set[str]) -> None:
    """Build the wheel of a made-up release."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join(lines) + "\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
