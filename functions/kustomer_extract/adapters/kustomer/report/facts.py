"""The facts of a report, by their number in docs/kustomer-api.md, and the report itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kustomer_extract.adapters.kustomer.report import lists, searches
from kustomer_extract.adapters.kustomer.report.asking import Asking
from kustomer_extract.adapters.kustomer.report.shapes import compare, describe, find, list_names_like, span
from kustomer_extract.errors import ExtractError, KeyRejected, Unanswered
from kustomer_extract.models import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from kustomer_extract.adapters.kustomer.source import KustomerSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A question that no document answers.

    Attributes:
        number: Its number in docs/kustomer-api.md; empty for additional facts.
        look: Returns what was found out, or raises `Unanswered`.
    """

    number: str
    question: str
    look: Callable[[Asking], str]


def _of_conversations(*path: str) -> Callable[[Asking], str]:
    return lambda asking: describe([find(record, *path) for record in asking.conversations])


def _of_surveys(*path: str) -> Callable[[Asking], str]:
    return lambda asking: describe([find(record, *path) for record in asking.read(Table.SATISFACTION)])


def _count_true(asking: Asking, name: str) -> str:
    values = [find(record, "attributes", name) for record in asking.conversations]
    return f"{sum(value is True for value in values)} are `true`; {describe(values)}"


def _tell_questions(asking: Asking) -> str:
    surveys = asking.read(Table.SATISFACTION)
    return describe([find(survey, "attributes", "allQuestions") for survey in surveys])


def _tell_delay(asking: Asking) -> str:
    delays = {str(one.get("id")): find(one, "attributes", "delayTime") for one in asking.read(Table.SATISFACTION)}
    level = ("attributes", "satisfactionLevel")
    pairs = [
        (delays.get(str(find(record, *level, "form"))), span(record, (*level, "createdAt"), (*level, "scheduledFor")))
        for record in asking.conversations
    ]
    return f"`delayTime` ÷ seconds from `createdAt` to `scheduledFor` of a rating: {compare(pairs)}"


def _tell_durations(asking: Asking) -> str:
    response, done = ("attributes", "firstResponse"), ("attributes", "lastDone")
    records, born = asking.conversations, ("attributes", "createdAt")
    first = [(find(one, *response, "time"), span(one, born, (*response, "createdAt"))) for one in records]
    last = [(find(one, *done, "time"), span(one, born, (*done, "createdAt"))) for one in records]
    return f"`time` ÷ seconds since `createdAt`: `firstResponse` {compare(first)}; `lastDone` {compare(last)}"


FACTS = (
    Fact(number="V1", question="Are pages of more than 100 served?", look=lists.tell_page_sizes),
    Fact(number="V2", question="In which order does the list come?", look=lists.tell_order),
    Fact(number="V3", question="Does the list go deeper than 100 pages?", look=lists.tell_depth),
    Fact(number="V4", question="What is the default of `includeDeleted`?", look=searches.tell_deleted),
    Fact(number="V5", question="How soon does search find what is new?", look=searches.tell_lateness),
    Fact(number="V6", question="Which role reads users?", look=lists.tell_role(Table.USERS)),
    Fact(number="V7", question="Which role reads teams?", look=lists.tell_role(Table.TEAMS)),
    Fact(number="V8", question="Are deactivated users listed?", look=lists.tell_former_users),
    Fact(number="V9", question="Does search take `not_set` for a time?", look=searches.tell_not_set),
    Fact(number="V13", question="Which unit has a survey's `delayTime`?", look=_tell_delay),
    Fact(
        number="V14",
        question="What is a survey's `followupQuestion`?",
        look=_of_surveys("attributes", "followupQuestion"),
    ),
    Fact(number="V15", question="What is in a survey's questions?", look=_tell_questions),
    Fact(
        number="V16",
        question="Are deleted conversations listed?",
        look=lambda asking: _count_true(asking, "deleted"),
    ),
    Fact(
        number="V17",
        question="Where is `mergedTarget` true?",
        look=lambda asking: _count_true(asking, "mergedTarget"),
    ),
    *(
        Fact(
            number=number,
            question=f"What is in `sla.metrics.{name}`?",
            look=_of_conversations("attributes", "sla", "metrics", name),
        )
        for number, name in {"V18": "totalCustomerWaitTime", "V19": "totalConversationOpenTime"}.items()
    ),
    Fact(number="V20", question="Are durations milliseconds (then 1000)?", look=_tell_durations),
    Fact(
        number="V21",
        question="What does the list show of merged conversations?",
        look=lambda asking: list_names_like(asking.conversations, "merge"),
    ),
    Fact(number="", question="Which roles has the key?", look=lists.tell_roles),
    Fact(number="V11", question="Is there a limit of requests at the same time?", look=lists.tell_concurrency),
    Fact(number="V10", question="Is `retry-after` sent?", look=lists.tell_retry_after),
    Fact(number="V12", question="Is 408 answered?", look=lists.tell_timeouts),
    Fact(number="", question="What do the headers of limits say?", look=lists.tell_headers),
    Fact(number="", question="How long does an answer take?", look=lists.tell_speed),
)
"""The last ones look back at all requests before."""


def iter_lines(source: KustomerSource, *, until: datetime) -> Iterator[str]:
    """Find out about each fact, with about forty requests, and yield the lines of a Markdown table.

    Raises:
        KeyRejected: the key is refused.
        RetryLater: Kustomer does not answer.
    """
    source.check_key(until)
    ways = source.open_ways(until)
    asking = Asking(ways.of_list.asker.ask)
    source.watch(asking.attempts.append)
    told = {fact: _tell(fact.look, asking) for fact in FACTS}
    yield "| | Question | What this key tells |"
    yield "| --- | --- | --- |"
    for fact in sorted(FACTS, key=_to_place):
        yield f"| {fact.number or '-'} | {fact.question} | {told[fact]} |"


def _to_place(fact: Fact) -> int:
    return int(fact.number.removeprefix("V") or len(FACTS))


def _tell(look: Callable[[Asking], str], asking: Asking) -> str:
    try:
        return look(asking)
    except Unanswered as reason:
        return str(reason)
    except KeyRejected:
        raise
    except ExtractError:
        return "the answer is not as documented"
