"""One table of one run: what reading and publishing it share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.config import may_go_on
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
    """What it takes to bring a table forward.

    Attributes:
        choice: What it takes of its schema.
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
        """What the document says of the table."""
        return self.integration.tables[self.table]

    @property
    def state(self) -> TableState:
        """How far the table has come."""
        return self.ledger.table(self.table)

    def emit(self, event: Event) -> None:
        """Write an event about the table."""
        self.invocation.emit(event, self.table)

    def check_wanted(self) -> None:
        """Stop if a person has paused or deleted the integration since the run began."""
        try:
            document = self.invocation.ports.configs.fetch(self.integration.name)
        except UnknownIntegration:
            document = {"status": "DELETED"}
        if not may_go_on(document):
            raise Stopped(f"stopped, because the integration is {document['status']}; the published table stays")


def choose_columns(integration: Integration, table: Table) -> Choice:
    """Decide what a table of an integration takes of its schema."""
    selection = integration.tables[table].columns
    return choose(load_schema(table), selection, personal_data=integration.personal_data)


def hash_schemas(integration: Integration) -> str:
    """Hash what the selected tables will look like."""
    return schema_hash([field for table in integration.tables for field in choose_columns(integration, table).columns])


def build_tables(tables: Iterable[Table], state: RunState, *, config_hash: str) -> dict[Table, TableState]:
    """Build the first state of a run's tables."""
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
