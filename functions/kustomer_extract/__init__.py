"""Kustomer's conversations and satisfaction surveys, complete, in BigQuery (or, on a laptop, in DuckDB).

Where to find what, from the outside in; imports point down this list only::

    cli, __main__   the command line: arguments, tables, exit codes
    bootstrap       puts the parts together: cloud or laptop
    pipeline/       what happens in a run, by verb: run.py, start.py, take_over.py, work.py, read.py, publish.py,
                    hand_over.py, end.py; ledger.py has the transitions of its state
    adapters/       the outside world, a room per neighbour: kustomer/, bigquery/, duckdb/, google/, laptop/
    ports           what the pipeline needs from the outside
    config          the configuration document → Integration
    transform       one object of the API → one row and its drift
    schema          the schema files; selection of columns
    events          every log event
    models          values that cross borders
    errors          every exception
"""
