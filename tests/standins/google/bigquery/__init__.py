"""BigQuery over its REST interface: tables of checked rows in files, load, copy and query jobs, failures on demand.

What differs from the real one: SQL is what sqlglot and DuckDB make of it; rows are checked a little more strictly (see
`rows`); there are no quotas, no rights but a list of denied datasets, no partitions, no queries on views, no time
travel to a dropped table; a job's look waits for its end. Whatever is not served is answered with 501, never ignored.
"""
