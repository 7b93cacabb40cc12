"""The entry point of `kustomer-extract` and `python -m kustomer_extract`.

It imports the rest only once an interruption can be answered: Ctrl-C ends with exit code 130 from the first moment on.
"""

from __future__ import annotations

import sys

_INTERRUPTED = 130


def start() -> int:
    """Run the command that was typed; return its exit code."""
    try:
        from kustomer_extract.cli import main  # noqa: PLC0415 - see above

        return main()
    except KeyboardInterrupt:
        sys.stderr.write("kustomer-extract: interrupted before anything was done\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(start())
