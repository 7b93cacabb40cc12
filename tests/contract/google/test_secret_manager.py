"""What only Secret Manager can do to a run: versions, rights, damage on the way. Its client over TLS, our server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]  # there are no stubs
import pytest

from kustomer_extract.errors import RetryLater, SecretUnavailable
from kustomer_extract.models import ApiKey, IntegrationName
from tests.contract.cloud_adapters import NO_PATIENCE, add_key, build_secret_store
from tests.standins.google.secret_manager import State

if TYPE_CHECKING:
    from tests.contract.cloud_adapters import CloudClients

ACME = IntegrationName("acme")
SECRET = "acme-kustomer-api-key"
ADD = f'Add the key: printf %s "$KEY" | gcloud secrets versions add {SECRET} --project=demo-project --data-file=-'


def test_the_latest_version_counts(clients: CloudClients) -> None:
    add_key(clients, "acme", "old")
    add_key(clients, "acme", "new\n")

    assert build_secret_store(clients).fetch_api_key(ACME) == ApiKey("new")


def test_a_key_that_was_added_a_moment_ago_is_used_at_once(clients: CloudClients) -> None:
    store = build_secret_store(clients)
    add_key(clients, "acme", "old")
    store.fetch_api_key(ACME)
    add_key(clients, "acme", "new")

    assert store.fetch_api_key(ACME) == ApiKey("new")


def test_each_integration_has_its_own_key(clients: CloudClients) -> None:
    store = build_secret_store(clients)
    add_key(clients, "acme", "one")
    add_key(clients, "beta", "two")

    assert [store.fetch_api_key(IntegrationName(name)).value for name in ("acme", "beta")] == ["one", "two"]


def test_a_damaged_key_is_read_again_later(clients: CloudClients) -> None:
    clients.cloud.secrets.add(SECRET, "key").corrupted = True

    with pytest.raises(RetryLater, match=f"^Secret Manager: {SECRET} arrived damaged: its checksum is wrong$"):
        build_secret_store(clients).fetch_api_key(ACME)


def test_a_secret_that_is_missing_is_told_how_to_add(clients: CloudClients) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value) == (
        f"Secret Manager: reading {SECRET}: 404 NotFound: Secret [projects/demo-project/secrets/{SECRET}] not found or "
        f"has no versions. If the secret itself is missing, run terraform apply. {ADD}"
    )


@pytest.mark.parametrize("state", [State.DISABLED, State.DESTROYED])
def test_a_version_that_cannot_be_read_is_told_how_to_enable_or_replace(clients: CloudClients, state: State) -> None:
    clients.cloud.secrets.add(SECRET, "key").state = state

    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value).endswith(
        "The latest version is disabled or destroyed. Where it is only disabled, enable it: gcloud secrets versions "
        f"enable VERSION --secret={SECRET} --project=demo-project. Otherwise: {ADD}"
    )


def test_a_right_that_is_missing_is_told_how_to_grant(clients: CloudClients) -> None:
    add_key(clients, "acme", "key")
    clients.cloud.secrets.secrets[SECRET].denied = True

    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value).endswith(
        f"Let the caller read it: gcloud secrets add-iam-policy-binding {SECRET} --project=demo-project "
        "--member=serviceAccount:CALLER --role=roles/secretmanager.secretAccessor"
    )


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("two words", "holds characters that no key has"),
        ("clé", "holds characters that no key has"),
    ],
)
def test_what_is_no_key_is_not_tried(clients: CloudClients, value: str, fault: str) -> None:
    add_key(clients, "acme", value)

    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value) == f"Secret Manager: the latest version of {SECRET} {fault}. {ADD}"


CODES = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL"]


@pytest.mark.parametrize("code", CODES)
def test_a_call_that_fails_once_is_repeated(clients: CloudClients, code: str) -> None:
    add_key(clients, "acme", "key")
    clients.cloud.secrets.faults.refuse("AccessSecretVersion", code=grpc.StatusCode[code])

    assert build_secret_store(clients).fetch_api_key(ACME) == ApiKey("key")


@pytest.mark.parametrize("code", CODES)
def test_a_call_that_keeps_failing_is_for_later(clients: CloudClients, code: str) -> None:
    add_key(clients, "acme", "key")
    clients.cloud.secrets.faults.refuse("AccessSecretVersion", code=grpc.StatusCode[code], times=10**6)

    with pytest.raises(RetryLater, match="Secret Manager: "):
        build_secret_store(clients, retry=NO_PATIENCE).fetch_api_key(ACME)


def test_a_server_that_is_gone_is_for_later(clients: CloudClients) -> None:
    clients.cloud.secrets.close()

    with pytest.raises(RetryLater):
        build_secret_store(clients, retry=NO_PATIENCE).fetch_api_key(ACME)
