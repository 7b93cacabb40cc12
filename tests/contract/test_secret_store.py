"""The contract of `SecretStore`: it returns a key that fits into a header, or an error that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from kustomer_extract.adapters.laptop.keys import EnvironmentSecretStore
from kustomer_extract.errors import SecretUnavailable
from kustomer_extract.models import ApiKey, IntegrationName
from tests.contract.cloud_adapters import add_key, build_secret_store

if TYPE_CHECKING:
    from kustomer_extract.ports import SecretStore
    from tests.contract.cloud_adapters import CloudClients

ACME = IntegrationName("acme")


class Keys(Protocol):
    """A store, and a way to add keys to it as a person does."""

    @property
    def store(self) -> SecretStore: ...

    def put(self, value: str) -> None: ...


class EnvironmentKeys:
    def __init__(self) -> None:
        self._environment: dict[str, str] = {}
        self.store = EnvironmentSecretStore(self._environment)

    def put(self, value: str) -> None:
        self._environment["KUSTOMER_API_KEY"] = value


class SecretManagerKeys:
    def __init__(self, clients: CloudClients) -> None:
        self._clients = clients
        self.store = build_secret_store(clients)

    def put(self, value: str) -> None:
        add_key(self._clients, "acme", value)


@pytest.fixture(params=["environment", "secret_manager"])
def keys(request: pytest.FixtureRequest) -> Keys:
    if request.param == "secret_manager":
        return SecretManagerKeys(request.getfixturevalue("clients"))
    return EnvironmentKeys()


@pytest.mark.parametrize("value", ["eyJ.a-key_1", " eyJ.a-key_1\n", "\teyJ.a-key_1\r\n"])
def test_a_key_is_stripped_of_white_space(keys: Keys, value: str) -> None:
    keys.put(value)

    assert keys.store.fetch_api_key(ACME) == ApiKey("eyJ.a-key_1")


def test_an_error_about_a_missing_key_has_the_command_that_adds_it(keys: Keys) -> None:
    with pytest.raises(SecretUnavailable, match=r"KUSTOMER_API_KEY|versions add acme-kustomer-api-key"):
        keys.store.fetch_api_key(ACME)


@pytest.mark.parametrize("value", ["", " \n", "two words", "line\nbreak", "schlüssel"])
def test_a_value_that_cannot_be_a_key_is_refused_and_not_quoted(keys: Keys, value: str) -> None:
    keys.put(value)

    with pytest.raises(SecretUnavailable, match=r"KUSTOMER_API_KEY|versions add acme-kustomer-api-key") as caught:
        keys.store.fetch_api_key(ACME)

    assert not value.strip() or value not in str(caught.value)
