"""The sdist and the wheel: their metadata are complete, and the wheel runs an extraction without make."""

from __future__ import annotations

import email
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.install.machine import PYTHON, copy_project, read_versions, run, scrub_environment
from tests.standins.kustomer.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long
COUNT = 'import duckdb; print(*duckdb.connect("w.duckdb").execute("SELECT count(*) FROM kustomer.acme_conversations").fetchone())'  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel from it."""
    folder = tmp_path_factory.mktemp("build")
    project = copy_project(folder / "project")
    done = run(sys.executable, "-I", "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(project))
    assert done.returncode == 0, done.stdout
    return folder / "dist"


def test_the_metadata_is_complete(dist: Path) -> None:
    with zipfile.ZipFile(dist / "kustomer_extract-0.1.0-py3-none-any.whl") as wheel:
        metadata = email.message_from_bytes(wheel.read("kustomer_extract-0.1.0.dist-info/METADATA"))

    assert {name: metadata[name] for name in ("Name", "Version", "License-Expression", "License-File")} == {
        "Name": "kustomer-extract", "Version": "0.1.0", "License-Expression": "Apache-2.0", "License-File": "LICENSE",
    }  # fmt: skip
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"].startswith("Kustomer's conversations and satisfaction surveys")
    assert metadata.get_all("Provides-Extra") == ["laptop", "cloud"]
    assert metadata.get_all("Project-URL") == [
        "Kustomer's API, https://developer.kustomer.com/kustomer-api-docs/reference",
    ]
    versions = [text for text in metadata.get_all("Classifier", ()) if text.startswith("Programming Language")]
    assert [text.rpartition(" ")[2] for text in versions[2:]] == ["3.11", "3.12", "3.13", "3.14"]


def test_the_sdist_has_the_sources_of_the_wheel(dist: Path) -> None:
    with tarfile.open(dist / "kustomer_extract-0.1.0.tar.gz") as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}

    assert {"LICENSE", "README.md", "pyproject.toml"} < names
    assert {
        f"functions/kustomer_extract/schemas/{name}.json" for name in ("_jobs", "conversations", "satisfaction")
    } < names


def test_the_wheel_runs_an_extraction(dist: Path, tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text(
        "".join(f"{name}=={version}\n" for name, version in read_versions("requirements-laptop.txt").items())
    )
    (tmp_path / "kustomer.yaml").write_text("integrations: {acme: {org: acme}}")
    wheel = dist / "kustomer_extract-0.1.0-py3-none-any.whl"
    pip = (sys.executable, "-I", "-m", "pip", "--python", "v/bin/python", "--disable-pip-version-check")
    install = ("install", "--quiet", "--constraint", str(pins), f"{wheel}[laptop]")
    for command in ((PYTHON, "-I", "-m", "venv", "--without-pip", "v"), (*pip, *install)):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stdout

    with Sandbox(conversations=250, surveys=3) as sandbox:
        environment = scrub_environment(KUSTOMER_API_URL=sandbox.url, KUSTOMER_API_KEY=sandbox.key)
        done = run("v/bin/kustomer-extract", "run", "--warehouse", "w.duckdb", cwd=tmp_path, env=environment)

    assert done.returncode == 0, done.stdout
    assert run("v/bin/python", "-I", "-c", COUNT, cwd=tmp_path).stdout == "250\n"
