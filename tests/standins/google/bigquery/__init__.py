"""A stand-in for BigQuery's REST API: tables with checked rows, load, copy and query jobs, failures on demand.

It differs from BigQuery: sqlglot and DuckDB run the SQL. Rows are checked a little more strictly (see `rows`). There
are no quotas, no rights except a list of denied datasets, no partitions, no queries on views, and no time travel to a
dropped table. A request for a job waits for the job's end. What is not served gets a 501 and is never ignored.
"""
