"""Both adapters of every port, by name. The suites ask for one at a time and know nothing of what is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract import cloud_adapters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.cloud_adapters import CloudClients


@pytest.fixture
def clients() -> Iterator[CloudClients]:
    """Start a cloud on this machine and connect to it."""
    with cloud_adapters.open_cloud() as clients:
        yield clients


@pytest.fixture
def emulated_clients() -> Iterator[CloudClients]:
    """Do the same with Google's own Firestore emulator in it."""
    with cloud_adapters.open_cloud(emulator=True) as clients:
        yield clients
