"""Copy jobs: copy one or many tables, or earlier versions (``table@milliseconds``), into one table, atomically."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.standins.google.bigquery.refusals import invalid, refuse_unsupported
from tests.standins.google.bigquery.schemas import merge, to_shape
from tests.standins.google.bigquery.tables import TableRef

if TYPE_CHECKING:
    from tests.standins.google.bigquery.catalog import Catalog
    from tests.standins.google.bigquery.jobs import Job
    from tests.standins.google.bigquery.tables import Version

_SERVED = frozenset({"createDisposition", "destinationTable", "sourceTable", "sourceTables", "writeDisposition"})


def run_copy(job: Job, catalog: Catalog, _: bytes) -> None:
    """Copy schema and rows. The destination keeps its description, labels and expiration."""
    options = {"writeDisposition": "WRITE_EMPTY", **job.options}
    refuse_unsupported(options, _SERVED, "copy jobs")
    ref = TableRef.parse(options["destinationTable"])
    with catalog.lock:
        references = options.get("sourceTables") or [options["sourceTable"]]
        sources = [_find(catalog, TableRef.parse(reference), job.location) for reference in references]
        if any(to_shape(source.schema) != to_shape(sources[0].schema) for source in sources):
            raise invalid("Source tables have different schemas; only tables of the same schema go into one.")
        table = catalog.find_target(ref, location=job.location, options=options) or catalog.create_table(ref, {})
        schema, files = sources[0].schema, tuple(file for source in sources for file in source.files)
        if options["writeDisposition"] == "WRITE_APPEND" and table.latest.files:
            schema = merge(table.latest.schema, schema, table=ref, may_grow=False)
            files = (*table.latest.files, *files)
        catalog.commit(table, schema, files)
    job.statistics = {"copiedRows": str(sum(source.count for source in sources))}


def _find(catalog: Catalog, ref: TableRef, location: str) -> Version:
    name, _, time_ms = ref.table.partition("@")
    table = catalog.table(replace(ref, table=name), location=location)
    table.refuse_if_view()
    return catalog.version_at(table, int(time_ms)) if time_ms else table.latest
