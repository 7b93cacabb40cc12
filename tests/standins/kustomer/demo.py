"""`make demo`: the bundled sandbox, replicated into a DuckDB file by the command that a user would run."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import duckdb

from kustomer_extract.cli import main as run_command
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.server import Sandbox

_CONFIGURATION = "integrations:\n  demo:\n    org: sandbox\n"
_QUERIES = {
    "Average rating per survey": """
        SELECT survey.attributes.name AS survey, count(*) AS ratings, round(avg(level.rating), 2) AS average
        FROM (SELECT unnest(attributes).satisfactionLevel AS level FROM kustomer.demo_conversations)
        JOIN kustomer.demo_satisfaction AS survey ON survey.id = level.form
        WHERE level.rating IS NOT NULL
        GROUP BY ALL ORDER BY average DESC, survey LIMIT 5""",
    "Conversations per channel": """
        SELECT channel, count(*) AS conversations
        FROM (SELECT unnest(attributes[1].channels) AS channel FROM kustomer.demo_conversations)
        GROUP BY ALL ORDER BY conversations DESC, channel LIMIT 5""",
}


def run_demo(warehouse: Path, *, conversations: int = 5000, surveys: int = 12) -> int:
    """Replicate the sandbox into `warehouse` and show what came of it; return the command's exit code."""
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
    print(f"\nThe tables are in {warehouse}, schema kustomer. Two questions to them:")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for title, query in _QUERIES.items():
            lines = [line.strip() for line in query.strip().splitlines()]
            print(f"\n{title}\n  " + "\n  ".join(lines))
            print(connection.sql(query))


if __name__ == "__main__":
    sys.exit(run_demo(Path("demo.duckdb")))
