"""The entry point of `kustomer-extract` and `python -m kustomer_extract`.

It imports the rest only once an interruption can be answered: Ctrl-C ends with exit code 130 from the first moment on.
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
    """End at once: while modules are imported, an exception may be raised where Python ignores it."""
    os.write(2, b"kustomer-extract: interrupted before anything was done\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(start())
