"""The bundle that Terraform uploads has all files that the function needs, and no others."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_TF = (ROOT / "infra" / "source.tf").read_text()


def list_bundle(root: Path = ROOT) -> set[str]:
    """List the files that source.tf puts into the bundle."""
    fixed = re.search(r"concat\(\n +\[(.*)\],", SOURCE_TF)
    pattern = re.search(r'fileset\(\s*local\._root, "(.*)/\*\*/\*\.\{(.*)\}"', SOURCE_TF)
    left_out = re.search(r'regexall\(\s*"(.*)", path', SOURCE_TF)
    assert fixed is not None
    assert pattern is not None
    assert left_out is not None
    found = [path for ending in pattern[2].split(",") for path in (root / pattern[1]).rglob(f"*.{ending}")]
    paths = {path.relative_to(root).as_posix() for path in found} | set(re.findall(r'"(.*?)"', fixed[1]))
    return {path for path in paths if not re.search(left_out[1], path)}


def run_git(*arguments: str) -> set[str]:
    """Run git at the root; return its output as lines."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return set(done.stdout.splitlines())


def test_the_bundle_has_every_file_of_the_function_that_git_tracks() -> None:
    tracked = run_git("ls-files", "functions", "requirements.txt")

    assert tracked - list_bundle() == set()


def test_the_bundle_has_no_file_that_git_ignores() -> None:
    assert run_git("check-ignore", *sorted(list_bundle())) == set()


def test_git_does_not_ignore_the_lock_file_and_the_settings() -> None:
    assert run_git("check-ignore", ".terraform.lock.hcl", "terraform.tfvars") == set()


def test_line_ends_are_the_same_in_every_checkout() -> None:
    """Other line ends would change the hash, and cause a needless build."""
    tracked = run_git("ls-files", "functions", "requirements.txt")

    assert run_git("check-attr", "eol", "--", *sorted(tracked)) == {f"{path}: eol: lf" for path in tracked}


def write_files(root: Path, paths: list[str]) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_the_bundle_leaves_out_files_that_tools_and_people_leave_in_a_checkout(tmp_path: Path) -> None:
    package = "functions/kustomer_extract"
    strays = ["functions/try.py", f"{package}/notes.txt", "functions/.venv/lib/a.py", "functions/build/lib/a.py"]
    strays += [f"{package}/.ipynb_checkpoints/a.py", f"{package}/.a.py", f"{package}/__pycache__/a.py"]
    strays += [f"{package}/build/lib/a.py", f"{package}/a.egg-info/b.json", "functions/a.json"]
    write_files(tmp_path, [*strays, f"{package}/a.py", f"{package}/b/c.json"])

    assert list_bundle(tmp_path) == {
        "functions/main.py",
        "requirements.txt",
        f"{package}/a.py",
        f"{package}/b/c.json",
    }


def test_the_bundle_can_be_imported_without_the_repository(tmp_path: Path) -> None:
    for path in list_bundle():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'functions')!r}); import main, kustomer_extract.schema as s; "
        "from kustomer_extract.models import Table; print(s.__file__); "
        "[s.load_schema(table) for table in Table]"
    )

    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(tmp_path / "functions" / "kustomer_extract" / "schema.py")
