"""The command `kustomer-extract`: reads arguments, calls the pipeline, prints outcomes. It has no rules of a run.

Exit codes: 0 all succeeded, or nothing was to be done · 1 a failure · 2 usage or configuration · 130 interrupted.
Outcomes go to standard output, events and errors to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from kustomer_extract.cli.arguments import parse_arguments
from kustomer_extract.cli.interrupts import Interrupts
from kustomer_extract.errors import ConfigInvalid, ExtractError, ServiceRefused, UnknownIntegration, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FAILED = 1
_USAGE = 2
_INTERRUPTED = 130
_EXTRAS = dict.fromkeys(("duckdb", "tqdm", "yaml", "pytz"), "laptop") | dict.fromkeys(
    ("google", "google_crc32c"), "laptop,cloud"
)
"""Package that a small installation lacks → the extras of pyproject.toml that install it."""


def main(arguments: Sequence[str] | None = None, *, environment: Mapping[str, str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The arguments without the command's own name; None: those of the process.
        environment: KUSTOMER_API_KEY on a laptop, and the variables of `bootstrap.Settings`; None: that of the process.

    Returns:
        The exit code. A bug raises its exception.
    """
    options = parse_arguments(arguments)
    with Interrupts() as interrupts:
        try:
            with interrupts.hold():  # an interruption of DuckDB's import would be a crash of the process
                from kustomer_extract.bootstrap import import_libraries  # noqa: PLC0415 - `--help` needs none of it
                from kustomer_extract.cli.commands import run_command  # noqa: PLC0415

                import_libraries(in_cloud=bool(options.project))
            return run_command(options, os.environ if environment is None else environment, lambda: interrupts.seen)
        except (ConfigInvalid, UnknownIntegration, ServiceRefused, UsageError) as error:
            return _report(error, _USAGE)
        except KeyboardInterrupt as error:
            return _report(str(error) or "interrupted: nothing was changed", _INTERRUPTED)
        except ModuleNotFoundError as error:
            extras = _EXTRAS.get((error.name or "").partition(".")[0])
            if extras is None:
                raise
            return _report(
                f"the package {error.name} is missing. What to do: pip install '.[{extras}]' in the project's folder",
                _USAGE,
            )
        except ExtractError as error:
            return _report(error, _FAILED)
        except Exception:
            if not interrupts.seen:  # a library may turn the interruption into its own error
                raise
            return _report("interrupted", _INTERRUPTED)


def _report(problem: object, exit_code: int) -> int:
    sys.stderr.write(f"kustomer-extract: {problem}\n")
    return exit_code
