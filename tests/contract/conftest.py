"""Fixtures for the cloud adapters. Each suite tests one adapter at a time, through its port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract import cloud_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.cloud_adapters import CloudClients


@pytest.fixture
def clients() -> Iterator[CloudClients]:
    """Start a cloud of stand-ins and connect to it."""
    with cloud_adapters.open_cloud() as clients:
        yield clients


@pytest.fixture
def emulated_clients() -> Iterator[CloudClients]:
    """Do the same with Google's own Firestore emulator."""
    with cloud_adapters.open_cloud(emulator=True) as clients:
        yield clients
