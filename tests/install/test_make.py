"""`make demo` on a difficult machine, and what a person does with its result."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name

from tests.install.machine import PYTHON, copy_project, read_versions, run, scrub_environment

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.long
READ_ALL = """
import duckdb
connection = duckdb.connect("demo.duckdb", read_only=True)
connection.execute(
    "SELECT count(*), count(DISTINCT id), max(attributes[1].updatedAt)::VARCHAR, sum(length(_rescued::VARCHAR)), "
    "sum(length(attributes[1].custom::VARCHAR)) FROM kustomer.demo_conversations"
)
print(*connection.fetchone())
for view in ("demo_conversations_flat", "demo_satisfaction_flat"):
    rows = connection.execute(f"SELECT columns(*)::VARCHAR FROM kustomer.{view} ORDER BY 1").fetchall()
    print(view, len(rows), hash(str(rows)))
"""
READ_TIMES = """
import duckdb
connection = duckdb.connect("demo.duckdb", read_only=True)
print(connection.execute("SELECT _batch_runtime, attributes[1].createdAt FROM kustomer.demo_conversations").fetchone())
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, newer_releases: Path) -> tuple[Path, str]:
    """Run `make demo` once, from another folder. Return the project's folder and the output.

    The path has a space. There is no git. Every setting of pip says to install elsewhere. Another environment is on
    Python's path. The index has newer releases.
    """
    machine = tmp_path_factory.mktemp("a machine")
    tools = machine / "bin"
    tools.mkdir()
    (tools / "git").write_text("#!/bin/sh\nexit 127\n")
    (tools / "git").chmod(0o755)
    (machine / "pip.conf").write_text("[install]\nuser = yes\n")
    project = copy_project(machine / "project")
    kept = scrub_environment()
    hostile = {
        "PATH": f"{tools}:{kept['PATH']}",
        "PIP_CONFIG_FILE": str(machine / "pip.conf"),
        "PIP_FIND_LINKS": f"{newer_releases} {kept.get('PIP_FIND_LINKS', '')}".strip(),
        "PIP_PREFIX": str(machine / "elsewhere"),
        "PIP_ROOT": str(machine / "elsewhere"),
        "PIP_TARGET": str(machine / "elsewhere"),
        "PIP_USER": "1",
        "PYTHONPATH": str(Path(json.__file__).parents[1] / "site-packages"),
    }
    done = run("make", "-C", str(project), "demo", f"PYTHON={PYTHON}", cwd=machine, env={**kept, **hostile})
    assert done.returncode == 0, done.stdout
    assert not (machine / "elsewhere").exists()
    return project, done.stdout


def test_the_demo_installs_exactly_its_list_and_prints_what_it_does(demo: tuple[Path, str]) -> None:
    project, output = demo

    listed = json.loads(
        run(".venv/bin/python", "-m", "pip", "--disable-pip-version-check", "list", "--format=json", cwd=project).stdout
    )

    installed: dict[str, str] = {canonicalize_name(found["name"]): found["version"] for found in listed}
    assert installed.items() - read_versions("requirements-laptop.txt").items() == {
        ("pip", installed["pip"]), ("kustomer-extract", "0.1.0")
    }  # fmt: skip
    assert read_versions("requirements-laptop.txt").items() <= installed.items()
    assert "Making .venv with Python 3." in output
    assert "packages that a laptop needs" in output
    assert "kustomer.demo_conversations  SUCCEEDED  5,000" in output


def test_the_picture_in_the_readme_shows_the_output_of_the_demo(demo: tuple[Path, str]) -> None:
    project, output = demo

    shown = (project / "docs" / "pictures" / "demo.txt").read_text(encoding="utf-8").partition("$ make demo\n…\n")[2]

    seconds = re.compile(r"\d+\.\d(?=  -$)", re.MULTILINE)
    printed = seconds.sub("0.0", output)
    assert [part for part in seconds.sub("0.0", shown).split("\n…\n") if part not in printed] == []


def test_a_duckdb_of_2024_opens_the_finished_file(demo: tuple[Path, str], fetch: Callable[[str], Path]) -> None:
    project, _ = demo
    older = fetch("duckdb<1.2" if sys.version_info < (3, 14) else "duckdb<1.5")

    read = run(PYTHON, "-c", READ_ALL, cwd=project, env=scrub_environment(PYTHONPATH=str(older), PYTHONHASHSEED="0"))

    written = run(".venv/bin/python", "-c", READ_ALL, cwd=project, env=scrub_environment(PYTHONHASHSEED="0"))
    assert (read.returncode, read.stdout) == (0, written.stdout)
    assert written.stdout.startswith("5000 5000 ")


def test_the_environment_of_the_demo_can_read_timestamps(demo: tuple[Path, str]) -> None:
    project, _ = demo

    done = run(".venv/bin/python", "-I", "-c", READ_TIMES, cwd=project)

    assert done.returncode == 0, done.stdout


def test_the_command_prints_its_version(demo: tuple[Path, str]) -> None:
    project, _ = demo

    assert run(".venv/bin/kustomer-extract", "--version", cwd=project).stdout == "kustomer-extract 0.1.0\n"


def test_an_error_about_a_missing_cloud_package_says_how_to_install_it(demo: tuple[Path, str]) -> None:
    project, _ = demo

    done = run(".venv/bin/kustomer-extract", "list", "--project", "acme-analytics", cwd=project)

    cure = "pip install '.[laptop,cloud]' in the project's folder"
    assert done.stdout == f"kustomer-extract: the package google is missing. What to do: {cure}\n"
    assert done.returncode == 2


def test_a_second_run_installs_nothing(demo: tuple[Path, str]) -> None:
    project, _ = demo

    done = run("make", ".venv/laptop", f"PYTHON={PYTHON}", cwd=project)

    assert (done.returncode, done.stdout) == (0, "make: '.venv/laptop' is up to date.\n")


def test_an_error_about_an_unsupported_python_is_a_sentence(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")

    done = run("make", "demo", "PYTHON=", cwd=project)

    assert done.returncode == 2
    assert done.stdout.startswith("Python 3.11, 3.12, 3.13 or 3.14 with its venv module is needed and was not found.")
