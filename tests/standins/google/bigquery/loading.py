"""Load jobs: newline-delimited JSON, plain or gzip-compressed, with an explicit schema. They load all rows or none."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from tests.standins.google.bigquery.refusals import Refusal, invalid, refuse_unsupported, unsupported
from tests.standins.google.bigquery.rows import RowError, check_rows
from tests.standins.google.bigquery.schemas import Schema, merge, normalise
from tests.standins.google.bigquery.tables import Rows, TableRef

if TYPE_CHECKING:
    from pathlib import Path

    from tests.standins.google.bigquery.catalog import Catalog
    from tests.standins.google.bigquery.jobs import Job

_SERVED = frozenset({
    "createDisposition", "destinationTable", "schema", "schemaUpdateOptions", "sourceFormat", "writeDisposition",
})  # fmt: skip


def run_load(job: Job, catalog: Catalog, upload: bytes) -> None:
    """Check the rows and load them into the table. A truncating load replaces the schema and keeps other metadata."""
    options = job.options
    refuse_unsupported(options, _SERVED, "load jobs")
    if options.get("sourceFormat") != "NEWLINE_DELIMITED_JSON":
        raise unsupported("load jobs of other formats than NEWLINE_DELIMITED_JSON")
    ref = TableRef.parse(options["destinationTable"])
    table = catalog.find_target(ref, location=job.location, options=options)
    fields = options.get("schema", {}).get("fields") or (table.latest.schema if table else None)
    if not fields:
        raise invalid("No schema specified on job or table.")
    schema = normalise(fields)
    rows = _store(upload, schema, path=catalog.name_file())
    with catalog.lock:
        table = catalog.find_target(ref, location=job.location, options=options) or catalog.create_table(ref, {})
        files: tuple[Rows, ...] = (rows,)
        if options.get("writeDisposition") != "WRITE_TRUNCATE":
            files = (*table.latest.files, rows)
            may_grow = "ALLOW_FIELD_ADDITION" in options.get("schemaUpdateOptions", ()) or not table.latest.schema
            schema = merge(table.latest.schema, schema, table=ref, may_grow=may_grow)
        catalog.commit(table, schema, files)
    job.statistics = {"inputFileBytes": str(len(upload)), "inputFiles": "1", "outputRows": str(rows.count)}


def _store(upload: bytes, schema: Schema, *, path: Path) -> Rows:
    """Check rows and write them to a file."""
    compressed = upload.startswith(b"\x1f\x8b")
    try:
        count = check_rows(gzip.decompress(upload) if compressed else upload, schema)
    except RowError as error:
        advice = "Please look into the errors[] collection for more details."
        summary = f"JSON table encountered too many errors, giving up. Rows: 1; errors: 1. {advice}"
        details = [{"reason": "invalid", "message": str(error)}]
        raise Refusal("invalid", f"Error while reading data, error message: {summary}", details=details) from error
    except (EOFError, OSError, zlib.error) as error:
        raise invalid(f"Error while reading data, error message: gzip: {error}") from error
    path.write_bytes(upload if compressed else gzip.compress(upload))
    return Rows(path=path, count=count)
