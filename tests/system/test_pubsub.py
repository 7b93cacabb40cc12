"""The function with Google's own Pub/Sub emulator: redelivery, hops and dead letters are the real ones."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.standins.google.emulators import Emulator, start_pubsub
from tests.system.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TOPIC = "projects/demo-project/topics/kustomer-extract"
_DEAD_TOPIC = "projects/demo-project/topics/dead-letters"
_PUSH = "projects/demo-project/subscriptions/push"
_DEAD = "projects/demo-project/subscriptions/dead-letters"

pytestmark = [pytest.mark.emulator, pytest.mark.long]


class Topic:
    """The trigger topic with its push subscription, as in infra/messages.tf, but with shorter waits."""

    def __init__(self, emulator: Emulator) -> None:
        self._base = f"http://{emulator.address}/v1"

    def open(self, port: int) -> None:
        for topic in (_TOPIC, _DEAD_TOPIC):
            self._call("PUT", topic, {})
        self._call("PUT", _DEAD, {"topic": _DEAD_TOPIC})
        push = {
            "topic": _TOPIC,
            "ackDeadlineSeconds": 60,
            "pushConfig": {"pushEndpoint": f"http://127.0.0.1:{port}/{_TOPIC}"},
            "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "0.2s"},
            "deadLetterPolicy": {"deadLetterTopic": _DEAD_TOPIC, "maxDeliveryAttempts": 5},
        }
        self._call("PUT", _PUSH, push)

    def close(self) -> None:
        for name in (_PUSH, _DEAD, _TOPIC, _DEAD_TOPIC):
            self._call("DELETE", name, None)

    def publish(self, body: Any) -> None:
        data = base64.b64encode(json.dumps(body).encode()).decode()
        self._call("POST", f"{_TOPIC}:publish", {"messages": [{"data": data}]})

    def pull_dead_letters(self) -> list[Any]:
        answer = self._call("POST", f"{_DEAD}:pull", {"maxMessages": 10, "returnImmediately": True})
        return [json.loads(base64.b64decode(each["message"]["data"])) for each in answer.get("receivedMessages", [])]

    def _call(self, method: str, path: str, body: Any) -> Any:
        with requests.request(method, f"{self._base}/{path}", json=body, timeout=20) as answer:
            answer.raise_for_status()
            return answer.json()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    emulator = start_pubsub()
    yield emulator
    emulator.close()


@pytest.fixture
def topic(emulator: Emulator) -> Iterator[Topic]:
    topic = Topic(emulator)
    yield topic
    topic.close()


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until the condition is true."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return seen


def finished(installation: Installation) -> list[Any]:
    if "run_finished" not in installation.function.read_output():
        return []
    return [entry for entry in installation.read_log() if entry.json_payload["event"] == "run_finished"]


def test_a_published_message_becomes_rows_over_several_hops(emulator: Emulator, topic: Topic) -> None:
    settings = {"PUBSUB_EMULATOR_HOST": emulator.address, "SOFT_DEADLINE_SECONDS": "1"}
    options = {"conversations": 2000, "latency_seconds": 0.3}
    with Installation(firestore="emulator", sandbox=options, settings=settings) as installation:
        topic.open(installation.function.port)

        topic.publish({"integration": "acme", "trigger": "manual"})

        (entry,) = wait_for(lambda: finished(installation))
        assert entry.json_payload["hops"] >= 2
        ids = [record["id"] for record in installation.kustomer.organisation.conversations]
        assert installation.read_ids("conversations") == sorted(ids)


def test_a_run_succeeds_by_redelivery_after_a_transient_failure(emulator: Emulator, topic: Topic) -> None:
    settings = {"PUBSUB_EMULATOR_HOST": emulator.address}
    with Installation(firestore="emulator", settings=settings) as installation:
        installation.cloud.bigquery.faults.fail("load", "backendError", times=2)
        topic.open(installation.function.port)

        topic.publish({"integration": "acme"})

        (entry,) = wait_for(lambda: finished(installation))
        assert entry.json_payload["colour"] == "green"


def test_a_message_that_never_succeeds_ends_as_a_dead_letter(emulator: Emulator, topic: Topic) -> None:
    with Installation(settings={"PUBSUB_EMULATOR_HOST": emulator.address}) as installation:
        installation.cloud.bigquery.faults.fail("load", "backendError", times=1000)
        topic.open(installation.function.port)

        topic.publish({"integration": "acme"})

        (letter,) = wait_for(topic.pull_dead_letters)
        assert letter == {"integration": "acme"}
