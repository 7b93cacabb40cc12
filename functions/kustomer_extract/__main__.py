"""The entry point of `kustomer-extract` and `python -m kustomer_extract`.

It handles Ctrl-C before it imports the rest, so that an interruption always ends with exit code 130.
"""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130


def start() -> int:
    """Run the command that was typed; return its exit code."""
    before = signal.signal(signal.SIGINT, _leave)
    try:
        from kustomer_extract.cli import main  # noqa: PLC0415 - see above

        signal.signal(signal.SIGINT, before)
        return main()
    except KeyboardInterrupt:
        sys.stderr.write("kustomer-extract: interrupted before anything was done\n")
        return _INTERRUPTED


def _leave(_number: int, _frame: object) -> None:
    """End the process at once: while modules are imported, Python may ignore an exception."""
    os.write(2, b"kustomer-extract: interrupted before anything was done\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(start())
