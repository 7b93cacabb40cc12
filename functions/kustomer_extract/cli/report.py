"""`kustomer-extract check --report`: what a key tells of what Kustomer does not document, ready for an issue."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.report.facts import iter_lines
from kustomer_extract.adapters.kustomer.source import KustomerSource
from kustomer_extract.cli.arguments import read_version
from kustomer_extract.cli.output import say
from kustomer_extract.cli.session import read_integration
from kustomer_extract.events import Scope

if TYPE_CHECKING:
    from kustomer_extract.models import IntegrationName
    from kustomer_extract.ports import Ports

_TIME_LIMIT = timedelta(minutes=5)


def report(ports: Ports, name: IntegrationName) -> int:
    """Print a page in Markdown; return the exit code: a role that the key lacks is a line, no failure.

    Raises:
        ConfigInvalid, SecretUnavailable, KeyRejected, RetryLater: nothing can be looked at.
    """
    integration = read_integration(ports, name)
    key = ports.secrets.fetch_api_key(integration.name)
    with closing(ports.open_source(integration, key, ports.log, Scope(integration=integration.name))) as source:
        assert isinstance(source, KustomerSource)
        say("## What a live key tells of Kustomer's API")
        say("")
        say(
            f"By `kustomer-extract check --report`, {read_version()}, {ports.clock.now():%Y-%m-%d}. The numbers are "
            "those of docs/kustomer-api.md. Nothing of a record is told but counts, kinds, ratios and names of fields."
        )
        say("")
        for line in iter_lines(source, until=ports.clock.now() + _TIME_LIMIT):
            say(line)
    return 0
