"""Calls the function of each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.cli import show
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
    """Open the session, execute the command, and return its exit code."""
    if options.command == "init":
        write_configuration(options)
    with open_session(options, environment, was_interrupted) as session:
        return _COMMANDS[options.command](session, options)


def _run(session: Session, options: Namespace) -> int:
    if options.dry_run:
        return dry_run(session, options)
    return run(session, options) if session.is_laptop else run_in_cloud(session, options)


def _check(session: Session, options: Namespace) -> int:
    name = session.resolve(options.name)
    return report(session.ports, name) if options.report else check(session.ports, name, as_json=options.json)


_COMMANDS: Mapping[str, Callable[[Session, Namespace], int]] = {
    "init": lambda session, options: check(session.ports, options.name, as_json=False),
    "run": _run,
    "list": show.list_integrations,
    "check": _check,
    "tables": show.show_tables,
    "jobs": show.show_jobs,
    "rollback": show.rollback,
}
