"""`make lock`: compile the requirements lists from the dependencies in pyproject.toml.

Pins stay as they are. ``--upgrade`` and ``--upgrade-package NAME`` take newer releases.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

# In this order: each list is compiled with the pins of those before it.
_LISTS = {
    "requirements.txt": "--extra cloud --group function",
    "requirements-laptop.txt": "--extra laptop --group build",
    "requirements-dev.txt": "--extra laptop --extra cloud --group function --group build --group dev",
}
_UV = "uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras"
_BARE = "--no-header --no-annotate --no-emit-index-url --no-emit-find-links"
_PIN_WITH_EXTRAS = re.compile(r"^([\w.-]+)\[([\w.,-]+)\](==.*\n(?: .*\n)*)", re.MULTILINE)


def spread_extras(compiled: str) -> str:
    """Split each pin with extras: one pin without extras, and one for each extra.

    ``name[x,y]==1`` becomes ``name==1``, ``name[x]==1`` and ``name[y]==1``, each with all hashes. An old pip (23.0)
    resolves each of these separately. For one without a pin it takes the newest release, and then refuses it.
    """
    return _PIN_WITH_EXTRAS.sub(_spread, compiled)


def _spread(pin: re.Match[str]) -> str:
    name, extras, rest = pin.groups()
    return "".join(f"{name}{extra}{rest}" for extra in ("", *(f"[{extra}]" for extra in extras.split(","))))


def compile_lists(options: list[str]) -> None:
    """Compile all lists."""
    uv, *rest = f"{_UV} {_BARE}".split()
    constraints: list[str] = []
    for name, contents in _LISTS.items():
        command = [str(Path(sys.executable).with_name(uv)), *rest, *contents.split(), *constraints, *options]
        subprocess.run([*command, "--output-file", name], check=True)  # noqa: S603 - no argument is from outside
        path = Path(name)
        path.write_text(spread_extras(path.read_text()))
        constraints += ["--constraint", name]


if __name__ == "__main__":
    compile_lists(sys.argv[1:])
