"""Which function answers which command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.cli import looks
from kustomer_extract.cli.check import check
from kustomer_extract.cli.init import write_configuration
from kustomer_extract.cli.report import report
from kustomer_extract.cli.run import dry_run, run, run_in_cloud
from kustomer_extract.cli.session import open_session

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from kustomer_extract.cli.session import Session


def run_command(options: Namespace, environment: Mapping[str, str], was_interrupted: Callable[[], bool]) -> int:
    """Open what the command works with, and answer it; return the exit code."""
    if options.command == "init":
        write_configuration(options)
    with open_session(options, environment, was_interrupted) as session:
        return _ANSWERS[options.command](session, options)


def _run(session: Session, options: Namespace) -> int:
    if options.dry_run:
        return dry_run(session, options)
    return run(session, options) if session.is_laptop else run_in_cloud(session, options)


def _check(session: Session, options: Namespace) -> int:
    name = session.resolve(options.name)
    return report(session.ports, name) if options.report else check(session.ports, name, as_json=options.json)


_ANSWERS: Mapping[str, Callable[[Session, Namespace], int]] = {
    "init": lambda session, options: check(session.ports, options.name, as_json=False),
    "run": _run,
    "list": looks.list_integrations,
    "check": _check,
    "tables": looks.show_tables,
    "jobs": looks.show_jobs,
    "rollback": looks.rollback,
}
