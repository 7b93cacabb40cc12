"""What is specific to Secret Manager: versions, rights, checksums. Google's client over TLS, our stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]  # there are no stubs
import pytest

from kustomer_extract.errors import RetryLater, SecretUnavailable
from kustomer_extract.models import ApiKey, IntegrationName
from tests.contract.cloud_adapters import BRIEF_RETRY, add_key, build_secret_store
from tests.standins.google.secret_manager import State

if TYPE_CHECKING:
    from tests.contract.cloud_adapters import CloudClients

ACME = IntegrationName("acme")
SECRET = "acme-kustomer-api-key"
ADD = f'Add the key: printf %s "$KEY" | gcloud secrets versions add {SECRET} --project=demo-project --data-file=-'


def test_the_latest_version_is_read(clients: CloudClients) -> None:
    add_key(clients, "acme", "old")
    add_key(clients, "acme", "new\n")

    assert build_secret_store(clients).fetch_api_key(ACME) == ApiKey("new")


def test_a_new_key_is_used_at_once(clients: CloudClients) -> None:
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


def test_a_key_with_a_wrong_checksum_is_a_transient_error(clients: CloudClients) -> None:
    clients.cloud.secrets.add(SECRET, "key").corrupted = True

    with pytest.raises(RetryLater, match=f"^Secret Manager: {SECRET} arrived damaged: its checksum is wrong$"):
        build_secret_store(clients).fetch_api_key(ACME)


def test_an_error_about_a_missing_secret_says_how_to_add_it(clients: CloudClients) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value) == (
        f"Secret Manager: reading {SECRET}: 404 NotFound: Secret [projects/demo-project/secrets/{SECRET}] not found or "
        f"has no versions. If the secret itself is missing, run terraform apply. {ADD}"
    )


@pytest.mark.parametrize("state", [State.DISABLED, State.DESTROYED])
def test_an_error_about_a_disabled_version_says_how_to_enable_or_replace_it(
    clients: CloudClients, state: State
) -> None:
    clients.cloud.secrets.add(SECRET, "key").state = state

    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value).endswith(
        "The latest version is disabled or destroyed. Where it is only disabled, enable it: gcloud secrets versions "
        f"enable VERSION --secret={SECRET} --project=demo-project. Otherwise: {ADD}"
    )


def test_an_error_about_a_missing_right_says_how_to_grant_it(clients: CloudClients) -> None:
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
def test_a_value_that_cannot_be_a_key_is_not_used(clients: CloudClients, value: str, fault: str) -> None:
    add_key(clients, "acme", value)

    with pytest.raises(SecretUnavailable) as caught:
        build_secret_store(clients).fetch_api_key(ACME)

    assert str(caught.value) == f"Secret Manager: the latest version of {SECRET} {fault}. {ADD}"


CODES = ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL"]


@pytest.mark.parametrize("code", CODES)
def test_a_call_that_fails_once_is_retried(clients: CloudClients, code: str) -> None:
    add_key(clients, "acme", "key")
    clients.cloud.secrets.faults.refuse("AccessSecretVersion", code=grpc.StatusCode[code])

    assert build_secret_store(clients).fetch_api_key(ACME) == ApiKey("key")


@pytest.mark.parametrize("code", CODES)
def test_a_call_that_always_fails_is_a_transient_error(clients: CloudClients, code: str) -> None:
    add_key(clients, "acme", "key")
    clients.cloud.secrets.faults.refuse("AccessSecretVersion", code=grpc.StatusCode[code], times=10**6)

    with pytest.raises(RetryLater, match="Secret Manager: "):
        build_secret_store(clients, retry=BRIEF_RETRY).fetch_api_key(ACME)


def test_a_missing_server_is_a_transient_error(clients: CloudClients) -> None:
    clients.cloud.secrets.close()

    with pytest.raises(RetryLater):
        build_secret_store(clients, retry=BRIEF_RETRY).fetch_api_key(ACME)
