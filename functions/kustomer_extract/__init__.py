"""Replicates Kustomer's conversations and satisfaction surveys into BigQuery (or, on a laptop, into DuckDB).

The parts, from the outside in. A part imports only from those below it::

    cli, __main__   the command line: arguments, tables, exit codes
    bootstrap       puts the parts together for the cloud or for a laptop
    pipeline/       the steps of a run, one module each: run.py, start.py, take_over.py, work.py, read.py, publish.py,
                    hand_over.py, end.py; ledger.py has every change of the run's state
    adapters/       the outside world, one folder per system: kustomer/, bigquery/, duckdb/, google/, laptop/
    ports           what the pipeline needs from the outside
    views           the columns and the SQL of the flat views
    config          turns the configuration document into an `Integration`
    transform       turns one object of the API into one row, and counts what did not fit
    schema          the schema files, and the selection of columns
    events          every log event
    models          values that several parts share
    errors          every exception
"""
