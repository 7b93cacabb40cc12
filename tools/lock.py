"""`make lock`: compiles the lists that are installed from the hand-written ones of pyproject.toml.

What is pinned stays as it is, unless an option says otherwise: ``--upgrade``, ``--upgrade-package NAME``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# In this order: each list is compiled against those before it.
_LISTS = {
    "requirements.txt": "--extra cloud --group function",
    "requirements-laptop.txt": "--extra laptop --group build",
    "requirements-dev.txt": "--extra laptop --extra cloud --group function --group build --group dev",
}
_UV = "uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras"
_BARE = "--no-header --no-annotate --no-emit-index-url --no-emit-find-links"
_PIN_WITH_EXTRAS = re.compile(r"^([\w.-]+)\[([\w.,-]+)\](==.*\n(?: .*\n)*)", re.MULTILINE)


def spread_extras(compiled: str) -> str:
    """Write each pin with extras as several: one of the plain name, and one for each extra.

    ``name[x,y]==1`` becomes ``name==1``, ``name[x]==1`` and ``name[y]==1``, each with all hashes. An old pip (23.0)
    resolves each apart, and takes the newest release for one that has no pin, which it then refuses.
    """
    return _PIN_WITH_EXTRAS.sub(_spread, compiled)


def _spread(pin: re.Match[str]) -> str:
    name, extras, rest = pin.groups()
    return "".join(f"{name}{extra}{rest}" for extra in ("", *(f"[{extra}]" for extra in extras.split(","))))


def compile_lists(options: list[str]) -> None:
    """Write all lists anew."""
    uv, *rest = f"{_UV} {_BARE}".split()
    constraints: list[str] = []
    for name, contents in _LISTS.items():
        command = [str(Path(sys.executable).with_name(uv)), *rest, *contents.split(), *constraints, *options]
        subprocess.run([*command, "--output-file", name], check=True)  # noqa: S603 - nothing here is from outside
        path = Path(name)
        path.write_text(spread_extras(path.read_text()))
        constraints += ["--constraint", name]


if __name__ == "__main__":
    compile_lists(sys.argv[1:])
