"""Query jobs: one SELECT, INSERT … SELECT or CREATE VIEW in GoogleSQL. sqlglot translates it, and DuckDB runs it.

The result of a query is a file of rows, like that of a load.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from tests.standins.google.bigquery.refusals import Refusal, invalid, refuse_unsupported, unsupported
from tests.standins.google.bigquery.schemas import from_duckdb_type, to_duckdb_type
from tests.standins.google.bigquery.tables import Rows, TableRef, Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.standins.google.bigquery.catalog import Catalog
    from tests.standins.google.bigquery.jobs import Job
    from tests.standins.google.bigquery.schemas import Schema

_SERVED = frozenset({
    "defaultDataset", "maximumBytesBilled", "parameterMode", "priority", "query", "queryParameters", "useQueryCache",
})  # fmt: skip


def run_query(job: Job, catalog: Catalog, _: bytes) -> None:
    """Run the statement. An INSERT takes effect as a whole, at its end."""
    options = job.options
    refuse_unsupported(options, _SERVED, "query jobs")
    statement = _parse(options["query"])
    parameters = {parameter["name"]: _to_literal(parameter) for parameter in options.get("queryParameters") or []}
    statement = statement.transform(lambda node: _fill_in(node, parameters))
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = _Query(job=job, catalog=catalog, connection=connection)
        try:
            _RUN[type(statement)](query, statement)
        except duckdb.Error as error:
            raise Refusal("invalidQuery", str(error).splitlines()[0]) from error


def _parse(text: str) -> exp.Expression:
    try:
        statements = [statement for statement in sqlglot.parse(text, read="bigquery") if statement]
    except sqlglot.errors.SqlglotError as error:
        raise Refusal("invalidQuery", f"Syntax error: {error}") from error
    if len(statements) != 1 or type(statements[0]) not in _RUN:
        raise unsupported("statements other than one SELECT, one INSERT … SELECT or one CREATE VIEW")
    statement: exp.Expression = statements[0]  # type: ignore[assignment] # one of the three
    return statement


def _to_literal(parameter: dict[str, Any]) -> exp.Expression:
    return _cast(parameter["parameterType"], parameter["parameterValue"])


def _cast(kind: dict[str, Any], value: dict[str, Any]) -> exp.Expression:
    name = kind["type"]
    if name == "ARRAY":
        return exp.array(*(_cast(kind["arrayType"], element) for element in value.get("arrayValues", [])))
    if name not in {"STRING", "INT64", "FLOAT64", "BOOL", "TIMESTAMP"}:
        raise unsupported(f"parameters of type {name}")
    text = value.get("value")
    if text is not None and name in {"INT64", "FLOAT64"}:
        return exp.Literal.number(text)  # LIMIT accepts nothing else
    return exp.cast(exp.null() if text is None else exp.Literal.string(text), name, dialect="bigquery")


def _fill_in(node: exp.Expression, parameters: dict[str, exp.Expression]) -> exp.Expression:
    if not isinstance(node, exp.Parameter):
        return node
    if node.name not in parameters:
        raise Refusal("invalidQuery", f"Query parameter '{node.name}' not found")
    return parameters[node.name].copy()


class _Query:
    """One statement, run with DuckDB."""

    def __init__(self, *, job: Job, catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> None:
        self._job = job
        self._catalog = catalog
        self._connection = connection
        self._numbers = itertools.count()

    def select(self, statement: exp.Expression) -> None:
        """Write the rows to a file, and set the job's result."""
        schema = self._prepare(statement)
        rows = self._write(schema)
        self._job.result = Version(time_ms=self._catalog.now_ms(), schema=schema, files=(rows,))
        self._job.statistics = {"statementType": "SELECT", "cacheHit": False}

    def insert(self, statement: exp.Insert) -> None:
        """Append the rows of the inner SELECT to the table. Columns match by position, with the same types."""
        if not isinstance(statement.this, exp.Table):
            raise unsupported("INSERT with a list of columns")
        table = self._catalog.table(self._to_ref(statement.this), location=self._job.location)
        target = table.latest.schema
        schema = self._prepare(statement.expression)
        if [to_duckdb_type(field) for field in schema] != [to_duckdb_type(field) for field in target]:
            raise Refusal("invalidQuery", f"Query columns and the columns of {table.ref} differ in number or type")
        rows = self._write(target)
        with self._catalog.lock:
            self._catalog.commit(table, table.latest.schema, (*table.latest.files, rows))
        self._job.statistics = {"statementType": "INSERT", "numDmlAffectedRows": str(rows.count)}

    def create_view(self, statement: exp.Create) -> None:
        """Create or replace a view, with its descriptions and labels. The tables that it reads must exist."""
        if statement.args["kind"] != "VIEW" or not statement.args.get("replace"):
            raise unsupported("CREATE other than CREATE OR REPLACE VIEW")
        target, query = statement.this, statement.expression.sql("bigquery")
        schema = self._prepare(statement.expression)
        described = [(column.name, _read_options(column)) for column in target.expressions]
        if [name for name, _ in described] != [field["name"] for field in schema]:
            raise Refusal("invalidQuery", "The view's columns differ from those of its query")
        fields = [{**field, **options} for field, (_, options) in zip(schema, described, strict=True)]
        ref, options = self._to_ref(target.this), _read_options(statement)
        body = {**options, "view": {"query": query, "useLegacySql": False}, "schema": {"fields": fields}}
        with self._catalog.lock:
            if (found := self._catalog.find(ref, location=self._job.location)) is not None:
                if "view" not in found.metadata:
                    raise invalid(f"{ref} is not allowed for this operation because it is currently a TABLE.")
                self._catalog.delete_table(ref)
            self._catalog.create_table(ref, body)
        self._job.statistics = {"statementType": "CREATE_VIEW", "ddlOperationPerformed": "REPLACE"}

    def _prepare(self, statement: exp.Expression) -> Schema:
        """Create the view `outcome` from a SELECT, and return its schema."""
        self._bind(statement)
        self._connection.execute(f"CREATE VIEW outcome AS {statement.sql('duckdb')}")
        columns = self._connection.execute("SELECT * FROM outcome LIMIT 0").description or []
        return [from_duckdb_type(name, kind) for name, kind, *_ in columns]

    def _bind(self, statement: exp.Expression) -> None:
        """Replace each table that a SELECT names by a view of its rows."""
        common = {table.alias for table in statement.find_all(exp.CTE)}
        for table in list(statement.find_all(exp.Table)):
            if table.db or table.name not in common:
                name = f"table_{next(self._numbers)}"
                self._make_view(name, table)
                table.replace(exp.alias_(exp.to_table(name), table.alias or table.name, table=True))
        _name_columns(statement)

    def _write(self, schema: Schema) -> Rows:
        """Write the view `outcome` to a file, with the columns of `schema`."""
        path = self._catalog.name_file()
        names = ", ".join(f'"{field["name"]}"' for field in schema)
        copy = f"COPY (SELECT * FROM outcome AS outcome({names})) TO {_quote(path)} (FORMAT json, COMPRESSION gzip)"
        [(count,)] = self._connection.execute(copy).fetchall()
        return Rows(path=path, count=count)

    def _make_view(self, name: str, table: exp.Table) -> None:
        """Create a view of a table's files, of the latest version or an earlier one."""
        stored = self._catalog.table(self._to_ref(table), location=self._job.location)
        if "view" in stored.metadata:
            inner: Any = sqlglot.parse_one(stored.metadata["view"]["query"], read="bigquery")
            self._bind(inner)
            self._connection.execute(f"CREATE VIEW {name} AS {inner.sql('duckdb')}")
            return
        moment = table.args.get("version")
        version = self._catalog.version_at(stored, self._to_ms(moment.expression)) if moment else stored.latest
        types = {field["name"]: to_duckdb_type(field) for field in version.schema}
        if version.files:
            columns = ", ".join(f'"{column}": {_quote(kind)}' for column, kind in types.items())
            files = ", ".join(_quote(file.path) for file in version.files)
            rows = f"SELECT * FROM read_json([{files}], format='newline_delimited', columns={{{columns}}})"
        else:
            columns = ", ".join(f'NULL::{kind} AS "{column}"' for column, kind in types.items())
            rows = f"SELECT {columns} WHERE FALSE"
        self._connection.execute(f"CREATE VIEW {name} AS {rows}")

    def _to_ms(self, moment: exp.Expression) -> int:
        [(time_ms,)] = self._connection.execute(f"SELECT epoch_ms({moment.sql('duckdb')})").fetchall()
        return int(time_ms)

    def _to_ref(self, table: exp.Table) -> TableRef:
        """Complete a table's name with the default dataset and the job's project."""
        parts = ".".join(part.name for part in table.parts).split(".")
        default: dict[str, Any] = self._job.options.get("defaultDataset") or {}
        if len(parts) == 1 and default:
            parts.insert(0, default["datasetId"])
        if len(parts) == 2:
            parts.insert(0, default.get("projectId") or self._job.project)
        if len(parts) != 3:
            raise invalid(f'Table "{".".join(parts)}" must be qualified with a dataset (e.g. dataset.table).')
        return TableRef(*parts)


def _name_columns(statement: exp.Expression) -> None:
    """Name columns without a name as BigQuery does: f0_, f1_ …"""
    unnamed = (column for column in statement.expressions if not column.output_name and not column.is_star)
    for number, column in enumerate(list(unnamed)):
        column.replace(exp.alias_(column.copy(), f"f{number}_"))


def _read_options(node: exp.Expression) -> dict[str, Any]:
    """Read OPTIONS (description = '…', labels = [('key', 'value')]) of a column or a view."""
    options: dict[str, Any] = {}
    for found in node.find_all(exp.Property):
        if found.find_ancestor(exp.ColumnDef) not in {None, node}:
            continue  # of a column
        if found.name == "labels":
            options["labels"] = {
                pair.expressions[0].name: pair.expressions[1].name for pair in found.args["value"].expressions
            }
        else:
            options[found.name] = found.args["value"].name
    return options


_RUN: dict[type, Callable[[_Query, Any], None]] = {
    exp.Select: _Query.select,
    exp.Insert: _Query.insert,
    exp.Create: _Query.create_view,
}


def _quote(text: object) -> str:
    """Write a literal of DuckDB's SQL."""
    return "'" + str(text).replace("'", "''") + "'"
