"""Load jobs: newline-delimited JSON, plain or gzip-compressed, with an explicit schema; all rows or none."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from tests.standins.google.bigquery.catalog import TableRef, grow
from tests.standins.google.bigquery.refusals import Refusal, invalid, refuse_unsupported, unsupported
from tests.standins.google.bigquery.rows import RowError, check_rows
from tests.standins.google.bigquery.schemas import normalise

if TYPE_CHECKING:
    from tests.standins.google.bigquery.catalog import Catalog
    from tests.standins.google.bigquery.jobs import Job

_SERVED = frozenset({
    "createDisposition", "destinationTable", "schema", "schemaUpdateOptions", "sourceFormat", "writeDisposition",
})  # fmt: skip


def run_load(job: Job, catalog: Catalog, upload: bytes) -> None:
    """Check the rows and put them into the table. A truncating load replaces the schema and leaves other metadata."""
    options = job.options
    refuse_unsupported(options, _SERVED, "load jobs")
    if options.get("sourceFormat") != "NEWLINE_DELIMITED_JSON":
        raise unsupported("load jobs of other formats than NEWLINE_DELIMITED_JSON")
    ref = TableRef.parse(options["destinationTable"])
    truncates = options.get("writeDisposition") == "WRITE_TRUNCATE"
    table = catalog.writable(ref, location=job.location, configuration=options)
    fields = (options.get("schema") or {}).get("fields") or (table.latest.schema if table else [])
    if not fields:
        raise invalid("No schema specified on job or table.")
    schema = normalise(fields)
    content = _decompress(upload)
    rows = catalog.store(content, _count_checked(content, schema))
    with catalog.lock:
        table = catalog.writable(ref, location=job.location, configuration=options)
        if not truncates:
            schema = grow(table, schema, options=options.get("schemaUpdateOptions") or [])
        table = table or catalog.create_table(ref, {})
        catalog.commit(table, schema, (rows,) if truncates else (*table.latest.files, rows))
    job.statistics = {
        "inputFiles": "1",
        "inputFileBytes": str(len(upload)),
        "outputRows": str(rows.count),
        "outputBytes": str(rows.size_bytes),
        "badRecords": "0",
    }


def _decompress(upload: bytes) -> bytes:
    try:
        return gzip.decompress(upload) if upload.startswith(b"\x1f\x8b") else upload
    except (EOFError, OSError, zlib.error) as error:
        raise invalid(f"Error while reading data, error message: gzip: {error}") from error


def _count_checked(content: bytes, schema: list[dict[str, object]]) -> int:
    try:
        return check_rows(content, schema)
    except RowError as error:
        advice = "Please look into the errors[] collection for more details."
        summary = f"JSON table encountered too many errors, giving up. Rows: 1; errors: 1. {advice}"
        details = [{"reason": "invalid", "message": str(error)}]
        raise Refusal("invalid", f"Error while reading data, error message: {summary}", details=details) from error
