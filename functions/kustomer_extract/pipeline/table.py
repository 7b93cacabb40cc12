"""One table of one run: what its reading and its publishing share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.config import may_continue
from kustomer_extract.errors import Stopped, UnknownIntegration
from kustomer_extract.models import Job, TableState, to_job_id
from kustomer_extract.schema import choose, load_schema, schema_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kustomer_extract.config import Integration, TableConfig
    from kustomer_extract.events import Event
    from kustomer_extract.models import RunState, Table
    from kustomer_extract.pipeline.invocation import Invocation
    from kustomer_extract.pipeline.ledger import Ledger
    from kustomer_extract.ports import Source
    from kustomer_extract.schema import Choice, Field


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWork:
    """Everything that is needed to work on a table.

    Attributes:
        choice: Its schema with the selection applied.
    """

    table: Table
    integration: Integration
    invocation: Invocation
    ledger: Ledger
    choice: Choice
    source: Source

    @property
    def schema(self) -> Sequence[Field]:
        """Its selected columns."""
        return self.choice.columns

    @property
    def config(self) -> TableConfig:
        """Its settings in the configuration document."""
        return self.integration.tables[self.table]

    @property
    def state(self) -> TableState:
        """Its progress."""
        return self.ledger.table(self.table)

    def emit(self, event: Event) -> None:
        """Log an event about the table."""
        self.invocation.emit(event, self.table)

    def check_wanted(self) -> None:
        """Stop if a person has paused or deleted the integration since the run started.

        Raises:
            Stopped: the table is not published.
        """
        try:
            document = self.invocation.ports.configs.fetch(self.integration.name)
        except UnknownIntegration:
            document = {"status": "DELETED"}
        if not may_continue(document):
            raise Stopped(f"stopped, because the integration is {document['status']}; the published table stays")


def choose_columns(integration: Integration, table: Table) -> Choice:
    """Apply the selection of an integration to the schema of a table."""
    selection = integration.tables[table].columns
    return choose(load_schema(table), selection, personal_data=integration.personal_data)


def hash_schemas(integration: Integration) -> str:
    """Hash the columns of all selected tables."""
    return schema_hash([field for table in integration.tables for field in choose_columns(integration, table).columns])


def build_tables(tables: Iterable[Table], state: RunState, *, config_hash: str) -> dict[Table, TableState]:
    """Build the initial state of a run's tables."""
    return {
        table: TableState(
            job=Job(
                job_id=to_job_id(state.run_id, table),
                run_id=state.run_id,
                integration=state.integration,
                table=table,
                config_hash=config_hash,
            )
        )
        for table in tables
    }
