"""Reading conversations by search, behind a capped list: completeness, requests, time and memory.

Usage: ``python -m benchmarks.search [--quick] [--conversations N]``: about ten minutes, or two with ``--quick``.

The conversations are those of the sandbox: two years with busy days, quiet nights and growth.

1. At 100 searches a minute and `rate_share` 1, with a virtual clock that the sandbox shares. Waits and responses take
   no real time. This measures requests, and the minutes that the limit needs for them.
2. The number of requests for larger organisations. The responses are built from times of creation only.
3. In real time and without a limit, the whole product with DuckDB in its own process: once by search, and once by a
   list that is not capped. The memory of both is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from array import array
from bisect import bisect_left
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from pathlib import Path

from benchmarks.extraction import check_target, describe_machine
from benchmarks.programs import Measurement, Task
from kustomer_extract.adapters.kustomer.content import Content
from kustomer_extract.adapters.kustomer.http import Answer, Request
from kustomer_extract.adapters.kustomer.search.reader import SearchReader
from kustomer_extract.adapters.kustomer.search.requests import CREATED, Place, to_ms
from kustomer_extract.adapters.kustomer.source import ConnectKustomer
from kustomer_extract.config import parse_integration
from kustomer_extract.events import Event, Scope
from kustomer_extract.models import ApiKey, IntegrationName, Table
from tests.records import pack
from tests.standins.clock import VirtualClock
from tests.standins.kustomer.calendar import END_MS
from tests.standins.kustomer.limits import RateLimit
from tests.standins.kustomer.paging import Paging, cap_list
from tests.standins.kustomer.records import Conversations
from tests.standins.kustomer.server import Sandbox
from tests.standins.kustomer.surveys import build_surveys

_ROOT = Path(__file__).parents[1]
_CONVERSATIONS, _QUICK = 300_000, 30_000
_FREE = RateLimit(requests=1_000_000)
_LIMIT = RateLimit(requests=100)
_CAPPED = cap_list("refused", table="conversations")
_SIZES = (25_000, 300_000, 1_000_000, 2_000_000, 3_000_000)
_HOP_SECONDS = 450
_SEARCHES = {"search", "archive"}
_MAX_MEMORY = 1.25  # times the memory of the list, because a page has 500 rows instead of 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    searches: int
    others: int
    refused: int


def count_requests(sandbox: Sandbox) -> _Count:
    """Count the requests by kind."""
    searches = [request for request in sandbox.requests if request.table in _SEARCHES]
    return _Count(
        searches=len(searches),
        others=len(sandbox.requests) - len(searches),
        refused=sum(request.status == 429 for request in sandbox.requests),
    )


class _NoLog:
    """Implements `ports.EventLog`."""

    def emit(self, scope: Scope, event: Event) -> None:
        """Print nothing."""


def run_paced(conversations: int) -> None:
    """Read with a virtual clock at 100 searches a minute. Compare rows and requests with the targets."""
    clock = VirtualClock()
    name = IntegrationName("bench")
    integration = parse_integration(name, {"org": "bench", "status": "PENDING", "rate_share": 1}, now=clock.now())
    with Sandbox(
        conversations=conversations,
        surveys=0,
        limit=_FREE,
        search_limit=_LIMIT,
        paging=_CAPPED,
        clock=lambda: clock.now().timestamp(),
    ) as sandbox:
        connect = ConnectKustomer(clock=clock, base_url=sandbox.url, seed=1)
        source = connect(integration, ApiKey(sandbox.key), _NoLog(), Scope(integration=name))
        ids: set[str] = set()
        rows = 0
        began, until = clock.monotonic(), clock.now() + timedelta(days=10)
        for page in source.iter_pages(Table.CONVERSATIONS, start=None, until=until):
            rows += len(page.records)
            ids.update(str(record.id) for record in page.records)
        seconds = clock.monotonic() - began
        source.close()
        asked = count_requests(sandbox)
        missing = len(set(sandbox.organisation.ids()) - ids)
    print(
        f"\nat 100 searches a minute (virtual clock): {conversations:,} conversations in {asked.searches:,} searches, "
        f"{conversations / asked.searches:.0f} a search; {seconds / 60:.1f} min, {ceil(seconds / _HOP_SECONDS)} hops; "
        f"{rows - len(ids)} rows came twice; {asked.others} other requests"
    )
    check_target("conversations that are missing, at most 0", missing, met=missing == 0 and len(ids) == conversations)
    most = 3 * conversations / 500
    check_target(f"searches ≤ 3 x rows ÷ 500 = {most:,.0f}", asked.searches, met=asked.searches <= most)
    check_target("answers with 429, at most 0", asked.refused, met=asked.refused == 0)


class _Times:
    """A fake search over times of creation. Its responses have as many records as Kustomer's, but only ids."""

    def __init__(self, conversations: int) -> None:
        made = Conversations(count=conversations, seed=1, surveys=build_surveys(12, 1), unknown_every=0, burst=0)
        self._times = array("q", map(made.created_ms, range(conversations)))
        self.asked = self.rows = 0

    def ask(self, request: Request) -> Answer:
        """Answer one search."""
        self.asked += 1
        wanted = json.loads(request.body or b"")["and"]
        first, last = 0, len(self._times)
        if request.path == Place.ARCHIVE or any(CREATED not in one or "not_set" in one[CREATED] for one in wanted):
            last = 0
        for one in wanted:
            for operator, moment in one.get(CREATED, {}).items():
                at = bisect_left(self._times, to_ms(datetime.fromisoformat(moment))) if last else 0
                first, last = (max(first, at), last) if operator == "gte" else (first, min(last, at))
        total = max(0, last - first)
        shown = range(first, last) if total <= int(request.query["pageSize"]) else range(0)
        data = [{"id": str(number), "attributes": {}} for number in shown]
        date = format_datetime(datetime.fromtimestamp(END_MS / 1000, UTC), usegmt=True)
        content = Content([pack(one) for one in data], meta={"total": total})
        return Answer(content=content, size_bytes=0, retries=0, headers={"date": date})


def run_sizes() -> None:
    """Count the searches for larger organisations, and print how long they take at Kustomer's limit."""
    print(f"\n{'conversations':>13}{'searches':>10}{'a search':>10}{'at 60 a minute':>16}{'hops':>6}{'at 100':>9}")
    for conversations in _SIZES:
        times = _Times(conversations)
        reader = SearchReader(ask=times.ask, rest=_fail, report=_fail)
        rows = sum(len(page.records) for page in reader.iter_pages(reader.begin(reader.count())))
        assert rows == conversations, (rows, conversations)
        minutes = times.asked / 60
        print(
            f"{conversations:13,}{times.asked:10,}{conversations / times.asked:10.0f}{minutes:12.0f} min"
            f"{ceil(minutes * 60 / _HOP_SECONDS):6}{times.asked / 100:5.0f} min",
            flush=True,
        )


def _fail(happened: object) -> None:
    raise AssertionError(happened)  # every window is complete at the first request


def run_free(conversations: int) -> None:
    """Run the product in both ways without a limit, and compare the memory."""
    done: dict[str, Measurement] = {}
    print(f"\nwithout a limit, {conversations:,} conversations into DuckDB")
    for way, paging in {"list": Paging(), "search": _CAPPED}.items():
        with Sandbox(conversations=conversations, surveys=0, limit=_FREE, search_limit=_FREE, paging=paging) as sandbox:
            task = Task(url=sandbox.url, key=sandbox.key, rows={"conversations": conversations}, threads=1)
            command = [sys.executable, "-m", "benchmarks.programs", "ours", json.dumps(asdict(task))]
            environment = {**os.environ, "PYTHONPATH": "functions"}
            output = subprocess.run(command, cwd=_ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout
            asked = count_requests(sandbox)
        done[way] = run = Measurement(**json.loads(output))
        print(
            f"  {way:6} {run.seconds:7.1f} s, {run.rows / run.seconds:,.0f} rows a second, {run.peak_mb:.0f} MB peak, "
            f"{asked.searches:,} searches, {asked.others:,} other requests",
            flush=True,
        )
    ratio = done["search"].peak_mb / done["list"].peak_mb
    check_target(f"memory ≤ {_MAX_MEMORY} x that of the list", ratio, met=ratio <= _MAX_MEMORY)


def main() -> None:
    """Read the options and run all parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK:,} conversations")
    parser.add_argument("--conversations", type=int, metavar="N", help=f"default: {_CONVERSATIONS:,}")
    parser.add_argument("--paced", action="store_true", help="only the parts with a virtual clock")
    options = parser.parse_args()
    conversations = options.conversations or (_QUICK if options.quick else _CONVERSATIONS)
    print(describe_machine())
    run_paced(conversations)
    run_sizes()
    if not options.paced:
        run_free(conversations)


if __name__ == "__main__":
    main()
