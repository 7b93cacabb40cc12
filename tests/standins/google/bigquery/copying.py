"""Copy jobs: one or many tables, now or as they were (``table@milliseconds``), into one; free and atomic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.google.bigquery.catalog import TableRef, grow
from tests.standins.google.bigquery.refusals import invalid, refuse_unsupported
from tests.standins.google.bigquery.schemas import to_shape

if TYPE_CHECKING:
    from tests.standins.google.bigquery.catalog import Catalog, Version
    from tests.standins.google.bigquery.jobs import Job

_SERVED = frozenset({"createDisposition", "destinationTable", "sourceTable", "sourceTables", "writeDisposition"})


def run_copy(job: Job, catalog: Catalog, _: bytes) -> None:
    """Copy schema and rows; description, labels and expiry of the destination stay as they are."""
    options = {"writeDisposition": "WRITE_EMPTY", **job.options}
    refuse_unsupported(options, _SERVED, "copy jobs")
    references = options.get("sourceTables") or [options["sourceTable"]]
    ref = TableRef.parse(options["destinationTable"])
    with catalog.lock:
        sources = [_find(catalog, TableRef.parse(reference), job.location) for reference in references]
        schema = sources[0].schema
        if any(to_shape(source.schema) != to_shape(schema) for source in sources):
            raise invalid("Source tables have different schemas; they must be the same to be copied into one.")
        table = catalog.writable(ref, location=job.location, configuration=options)
        files = tuple(file for source in sources for file in source.files)
        if options["writeDisposition"] == "WRITE_APPEND" and table:
            schema = grow(table, schema, options=[])
            files = (*table.latest.files, *files)
        catalog.commit(table or catalog.create_table(ref, {}), schema, files)
    job.statistics = {"copiedRows": str(sum(source.count for source in sources))}


def _find(catalog: Catalog, ref: TableRef, location: str) -> Version:
    name, _, time_ms = ref.table.partition("@")
    table = catalog.table(TableRef(ref.project, ref.dataset, name), location=location)
    if table.is_view:
        advice = "Try using a different table that is of type TABLE."
        raise invalid(f"Using table {ref} is not allowed for this operation because of its type. {advice}")
    return catalog.version_at(table, int(time_ms)) if time_ms else table.latest
