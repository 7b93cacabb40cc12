"""One installation with one process of the function, shared by all tests that need nothing special."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.installation import FIRESTORE, Installation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_installation() -> Iterator[Installation]:
    with Installation(firestore=FIRESTORE) as installation:
        yield installation


@pytest.fixture
def installation(shared_installation: Installation) -> Installation:
    """Reset the installation, with a new integration."""
    shared_installation.reset()
    return shared_installation
