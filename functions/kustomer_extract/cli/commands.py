"""Calls the function of each command. A command imports its own modules alone, so that it starts fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kustomer_extract.cli.session import open_session

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from kustomer_extract.cli.session import Session


def run_command(options: Namespace, environment: Mapping[str, str], was_interrupted: Callable[[], bool]) -> int:
    """Open the session, execute the command, and return its exit code."""
    if options.command == "init":
        from kustomer_extract.cli.init import write_configuration

        write_configuration(options)
    with open_session(options, environment, was_interrupted) as session:
        if options.command == "run":
            return _run(session, options)
        if options.command in {"init", "check"}:
            return _check(session, options)
        return _show(session, options)


def _run(session: Session, options: Namespace) -> int:
    from kustomer_extract.cli.run import dry_run, run, run_in_cloud

    if options.dry_run:
        return dry_run(session, options)
    return run(session, options) if session.is_laptop else run_in_cloud(session, options)


def _check(session: Session, options: Namespace) -> int:
    name = session.resolve(options.name)
    if options.report:
        from kustomer_extract.cli.report import report

        return report(session.ports, name)
    from kustomer_extract.cli.check import check

    return check(session.ports, name, as_json=options.json)


def _show(session: Session, options: Namespace) -> int:
    from kustomer_extract.cli import show

    commands: Mapping[str, Callable[[Session, Namespace], int]] = {
        "list": show.list_integrations,
        "tables": show.show_tables,
        "jobs": show.show_jobs,
        "rollback": show.rollback,
    }
    return commands[options.command](session, options)
