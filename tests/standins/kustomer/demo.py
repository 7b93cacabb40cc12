"""`make demo`: replicate the bundled sandbox into a DuckDB file with the command that users run."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import duckdb

from kustomer_extract.cli import main as run_command
from tests.queries import read_questions
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

_CONFIGURATION = """
integrations:
  demo:
    org: sandbox
    tables: {satisfaction: {}, conversations: {}, users: {selected: true}, teams: {selected: true}}
"""
_QUESTIONS = ("How long does the first response take, by team?", "How satisfied are customers, by survey?")


def run_demo(warehouse: Path, *, conversations: int = 5000, surveys: int = 12) -> int:
    """Replicate the sandbox into `warehouse` and show the result. Return the command's exit code."""
    ultimate_plan = RateLimit(requests=2000)
    with (
        Sandbox(conversations=conversations, surveys=surveys, latency_seconds=0.05, limit=ultimate_plan) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        config = Path(folder) / "kustomer.yaml"
        config.write_text(_CONFIGURATION)
        environment = {**os.environ, "KUSTOMER_API_URL": sandbox.url, "KUSTOMER_API_KEY": sandbox.key}
        arguments = ["run", "--config", str(config), "--warehouse", str(warehouse)]
        status = run_command(arguments, environment=environment)
    if status == 0:
        _show_queries(warehouse)
    return status


def _show_queries(warehouse: Path) -> None:
    print(f"\nTwo questions to the flat views, from docs/queries.md, which has {len(read_questions())} of them:")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for question in read_questions():
            if question.title in _QUESTIONS:
                sql = question.duckdb.replace("acme_", "demo_")
                print(f"\n{question.title}\n\n  " + sql.replace("\n", "\n  "))
                print(connection.sql(sql))


if __name__ == "__main__":
    sys.exit(run_demo(Path("demo.duckdb")))
