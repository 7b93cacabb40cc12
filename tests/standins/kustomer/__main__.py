# ruff: noqa: T201 - a command prints
"""Run the sandbox as a process, until Ctrl-C. It first prints the settings that a client needs."""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
from contextlib import suppress

from tests.standins.kustomer.options import build_sandbox


def main() -> int:
    """Serve until interrupted, then print how often each status was answered."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background jobs start with it ignored
    sandbox = build_sandbox()
    try:
        sandbox.__enter__()
    except OSError as error:
        print(f"Port {sandbox.port} cannot be used: {error.strerror}. Choose another one with --port.", file=sys.stderr)
        return 2
    try:
        print(f"export KUSTOMER_API_URL={sandbox.url}\nexport KUSTOMER_API_KEY={sandbox.key}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
        print(dict(Counter(request.status for request in sandbox.requests)))
    finally:
        sandbox.__exit__()
    return 0


if __name__ == "__main__":
    sys.exit(main())
