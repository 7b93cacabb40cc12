"""BigQuery over its REST interface: tables of checked rows in files, load, copy and query jobs, faults on demand."""
