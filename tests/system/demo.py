"""`make demo-cloud`: run the function in its own process with one message, and show logs, tables and run document.

Firestore is Google's emulator if that is installed. Everything else is a stand-in.
"""

from __future__ import annotations

import json
import sys

from tests.system.installation import FIRESTORE, Installation
from tests.system.launching import launch


def run_demo() -> int:
    """Run once, and show what people would look at. Return 0 on success."""
    print(f"Starting BigQuery, Secret Manager and Kustomer stand-ins, Firestore ({FIRESTORE}) and the function …")
    settings = {"SOFT_DEADLINE_SECONDS": "4"}
    sandbox = {"conversations": 2000, "latency_seconds": 0.2, "limit": None, "search_limit": None}
    with Installation(firestore=FIRESTORE, sandbox=sandbox, settings=settings, launch=launch) as installation:
        statuses = installation.run()
        print(f"\nOne message, and the continue messages it led to, were answered with {statuses}. The log:\n")
        for entry in installation.read_log():
            labels = dict(entry.labels)
            print(f"  {entry.json_payload['event']:16} {labels.get('table', ''):14} {entry.json_payload['message']}")
        jobs = installation.read_jobs()
        print("\nBigQuery, kustomer._jobs:\n")
        for job in jobs:
            print("  " + "  ".join(str(job[key]) for key in ("table_name", "status", "rows", "pages", "minutes")))
        for table in installation.bigquery.list_tables("kustomer"):
            rows = installation.bigquery.get_table(table.reference).num_rows
            print(f"  kustomer.{table.table_id}: {rows} rows")
        path = f"integrations/acme/runs/{jobs[0]['run_id']}"
        print(f"\nFirestore, {path}:\n")
        print(json.dumps(installation.read_document(path), indent=2, default=str))
    return 0 if {job["status"] for job in jobs} == {"SUCCEEDED"} else 1


if __name__ == "__main__":
    sys.exit(run_demo())
