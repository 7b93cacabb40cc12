"""What Terraform ships is all that the function needs, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE_TF = (ROOT / "infra" / "source.tf").read_text()


def list_bundle() -> list[Path]:
    """Find the files that the pattern in source.tf names."""
    pattern = re.search(r'fileset\(local\._root, "(functions)/\*\*/\*\.\{(.*)\}"\)', SOURCE_TF)
    assert pattern is not None
    found = [path for ending in pattern[2].split(",") for path in (ROOT / pattern[1]).rglob(f"*.{ending}")]
    return sorted(path.relative_to(ROOT) for path in found)


def test_every_file_of_the_function_is_shipped() -> None:
    there = {path.relative_to(ROOT) for path in (ROOT / "functions").rglob("*") if path.is_file()}
    left_out = {path for path in there - set(list_bundle()) if not re.search(r"__pycache__|\.egg-info", str(path))}

    assert left_out == set()


def test_what_is_shipped_imports_on_its_own(tmp_path: Path) -> None:
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
