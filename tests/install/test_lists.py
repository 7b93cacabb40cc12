"""The compiled lists: every pip accepts them, also after newer releases."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from tests.install.machine import find_needed_extras, read_pins, read_versions, run, scrub_environment
from tools.lock import spread_extras

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.long
LISTS = ("requirements.txt", "requirements-laptop.txt", "requirements-dev.txt")


def test_a_pin_with_extras_becomes_one_without_extras_and_one_for_each_extra() -> None:
    compiled = "a==1 \\\n    --hash=x\nb[c,d]==2 ; m < '3' \\\n    --hash=y \\\n    --hash=z\ne==3 \\\n    --hash=w\n"

    spread = spread_extras(compiled)

    b = "==2 ; m < '3' \\\n    --hash=y \\\n    --hash=z\n"
    assert spread == f"a==1 \\\n    --hash=x\nb{b}b[c]{b}b[d]{b}e==3 \\\n    --hash=w\n"


@pytest.mark.parametrize("name", LISTS)
def test_every_package_needed_with_an_extra_has_a_pin_with_it(name: str) -> None:
    pins = list(read_pins(name))
    plain = {package for package, extra, _, _ in pins if not extra}
    expected = {
        (package, extra) for package, extras in find_needed_extras().items() if package in plain for extra in extras
    }

    assert {(package, extra) for package, extra, _, _ in pins if extra} == expected


def test_the_lists_have_the_same_versions() -> None:
    function, laptop, everything = ({pin[:3] for pin in read_pins(name)} for name in LISTS)

    assert (function | laptop) - everything == set()


def test_newer_releases_do_not_change_the_build_of_the_function(
    pip: Callable[..., str], newer_releases: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    resolved = ("install", "--quiet", "--dry-run", "--ignore-installed", f"--report={report}")

    pip(*resolved, "-r", "requirements.txt", f"--find-links={newer_releases}")

    chosen = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    assert {canonicalize_name(found["name"]): found["version"] for found in chosen} == read_versions("requirements.txt")
    assert "google_auth-2.9999-py3-none-any.whl" in {path.name for path in newer_releases.iterdir()}


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_the_oldest_and_the_newest_python_need_no_build_of_a_package(
    version: str, fetch: Callable[[str], Path], tmp_path: Path
) -> None:
    platforms = [f"--platform=manylinux_2_{glibc}_x86_64" for glibc in (5, 12, 17, 24, 26, 27, 28)]
    binary = ("--only-binary=:all:", f"--python-version={version}", *platforms, f"--target={tmp_path}")
    lists = ("-r", "requirements.txt", "-r", "requirements-laptop.txt")
    newest_pip = scrub_environment(PYTHONPATH=str(fetch("pip")))

    done = run(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", *binary, *lists, env=newest_pip)

    assert done.returncode == 0, done.stdout
