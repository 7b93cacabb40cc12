"""Lists and names in the docs match the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kustomer_extract.errors import ERROR_CODES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("generator", sorted((ROOT / "docs").glob("generate*.py")), ids=lambda path: path.stem)
def test_generated_lists_are_up_to_date(generator: Path) -> None:
    done = subprocess.run(
        [sys.executable, generator, "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "functions")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_runbook_has_every_error_code() -> None:
    rows = re.findall(r"^\| `(\w+)`", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)

    assert sorted(set(rows) - {"error_code"}) == list(ERROR_CODES)


@pytest.mark.parametrize(
    "page",
    ["docs/testing.md", "SECURITY.md", "docs/privacy.md", "README.md", "CONTRIBUTING.md", "docs/alternatives.md"],
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link}
    named = set(re.findall(r"`((?:tests|docs|infra|tools)/[\w./-]+)`", text))

    missing = {link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()}
    missing |= {path for path in named if not (ROOT / path).exists()}

    assert missing == set()


def test_ci_runs_every_target_of_make_check() -> None:
    targets = re.findall(r"^check: ([\w -]+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()

    steps = " ".join(re.findall(r"^run_make (.*)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)).split()

    assert set(targets) - set(steps) == set()
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "check.yml").read_text()


def test_every_hop_of_the_ways_through_the_code_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text().partition("## Three ways through the code")[2]
    hops = re.findall(r"^\| \d+ \| `([^`]+)` \| `(\w+)` \|", text, re.MULTILINE)

    missing = [(name, function) for name, function in hops if not _has(name, function)]

    assert len(hops) == 39
    assert missing == []


def _has(name: str, function: str) -> bool:
    folders = (ROOT, ROOT / "functions" / "kustomer_extract")
    file = next((folder / name for folder in folders if (folder / name).exists()), None)
    return file is not None and re.search(rf'(def |"){function}\b', file.read_text()) is not None


def test_a_long_module_says_why_in_its_docstring() -> None:
    sources = {path: path.read_text() for path in (ROOT / "functions").rglob("*.py")}
    silent = [
        str(path.relative_to(ROOT))
        for path, source in sources.items()
        if source.count("\n") > 200 and "200 lines, because" not in (ast.get_docstring(ast.parse(source)) or "")
    ]

    assert len(sources) > 100
    assert silent == []
