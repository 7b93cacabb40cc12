"""The continue message, from the adapter to the parser of deliveries, and the errors of the topic."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import google.auth
import pytest
import requests
from google.auth.transport.requests import AuthorizedSession

from kustomer_extract.adapters.google.cloud_event import parse_message
from kustomer_extract.adapters.google.pubsub import PubSubContinuations, connect, to_body
from kustomer_extract.errors import RetryLater, ServiceRefused
from kustomer_extract.models import IntegrationName, Message, RunId, Trigger
from tests.contract.cloud_adapters import BRIEF_RETRY, RETRY
from tests.standins.google.pubsub import PubSub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.api_core.retry import Retry

    from tests.contract.cloud_adapters import CloudClients

TOPIC = "projects/demo-project/topics/kustomer-extract"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGE = Message(
    integration=IntegrationName("acme"),
    trigger=Trigger.CONTINUE,
    message_id="7",
    published_at=NOON,
    run_id=RunId("20261123t030000z-1a2b3c4d"),
    hop=3,
)


@pytest.fixture
def topic() -> Iterator[PubSub]:
    topic = PubSub()
    yield topic
    topic.close()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def build(topic: PubSub, session: requests.Session, *, retry: Retry = RETRY) -> PubSubContinuations:
    return PubSubContinuations(TOPIC, session=session, endpoint=f"http://{topic.address}", retry=retry)


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        Message(integration=IntegrationName("acme"), trigger=Trigger.MANUAL, message_id="7", published_at=NOON),
    ],
    ids=["continue", "manual"],
)
def test_a_message_is_read_as_it_was_sent(topic: PubSub, message: Message) -> None:
    connect(TOPIC, emulator_host=topic.address).publish(message)

    delivered = topic.take()
    assert delivered is not None
    event = json.loads(delivered.to_push())
    event["message"] |= {"messageId": message.message_id, "publishTime": message.published_at.isoformat()}
    assert parse_message(event, event_id="", event_time="") == message


def test_without_an_emulator_the_call_is_signed(clients: CloudClients, topic: PubSub) -> None:
    assert clients.cloud.project
    credentials, _ = google.auth.default()
    with AuthorizedSession(credentials) as session:  # type: ignore[no-untyped-call]  # the library's gap
        PubSubContinuations(TOPIC, session=session, endpoint=f"http://{topic.address}").publish(MESSAGE)

    assert len(topic.waiting) == 1


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, "drop"])
def test_a_failed_request_is_retried(topic: PubSub, session: requests.Session, fault: int | str) -> None:
    topic.faults = [fault]

    build(topic, session).publish(MESSAGE)

    assert [message.body for message in topic.waiting][-1:] == [to_body(MESSAGE)]


@pytest.mark.parametrize("fault", [429, 500, 502, 503, 504, "drop"])
def test_a_request_that_always_fails_is_a_transient_error(
    topic: PubSub, session: requests.Session, fault: int | str
) -> None:
    topic.faults = [fault] * 1000

    with pytest.raises(RetryLater, match="Pub/Sub: publishing a message: "):
        build(topic, session, retry=BRIEF_RETRY).publish(MESSAGE)


def test_an_unreachable_topic_is_a_transient_error(topic: PubSub, session: requests.Session) -> None:
    topic.close()

    with pytest.raises(RetryLater, match="ConnectionError"):
        build(topic, session, retry=BRIEF_RETRY).publish(MESSAGE)


@pytest.mark.parametrize(
    ("status", "cure"),
    [
        (403, "Grant the caller roles/pubsub.publisher on this topic"),
        (404, "There is no topic of this name: run terraform apply, or correct PUBSUB_TOPIC"),
        (400, "This was not foreseen; please report it"),
    ],
)
def test_an_error_about_a_refusal_has_its_remedy(
    topic: PubSub, session: requests.Session, status: int, cure: str
) -> None:
    topic.faults = [status]

    with pytest.raises(ServiceRefused) as caught:
        build(topic, session).publish(MESSAGE)

    assert str(caught.value).startswith(f"Pub/Sub topic {TOPIC}: Pub/Sub: ")
    assert str(caught.value).endswith(f". {cure}")
