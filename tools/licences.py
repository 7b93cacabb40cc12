"""List the licence of every installed package, from its own metadata."""

from __future__ import annotations

import sys
from importlib.metadata import distributions


def read_licence(metadata: dict[str, str | list[str]]) -> str:
    """Read the licence from the expression, a classifier, or the first line of the text."""
    classifiers = metadata.get("classifier", [])
    named = [line.rpartition(":: ")[2] for line in classifiers if line.startswith("License ::")]
    stated = (
        metadata.get("license_expression") or "; ".join(named) or str(metadata.get("license", "")).partition("\n")[0]
    )
    return str(stated) or "not stated"


def main() -> None:
    """Print a line for each package."""
    found = {item.metadata["Name"]: read_licence(item.metadata.json) for item in distributions()}
    width = max(map(len, found))
    sys.stdout.writelines(f"{name:{width}}  {licence}\n" for name, licence in sorted(found.items()))


if __name__ == "__main__":
    main()
