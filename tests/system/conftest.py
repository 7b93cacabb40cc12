"""One installation with one process of the function, shared by all tests that need nothing special."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.system.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def installations() -> Iterator[Callable[[str], Installation]]:
    """Return a function that opens the installation for a kind of Firestore, once."""
    with ExitStack() as closing:

        @functools.cache
        def open_installation(firestore: str) -> Installation:
            return closing.enter_context(Installation(firestore="emulator" if firestore == "emulator" else "standin"))

        yield open_installation


@pytest.fixture
def installation(request: pytest.FixtureRequest, installations: Callable[[str], Installation]) -> Installation:
    """Reset the installation, with a new integration. It uses the stand-in unless the test is parametrized."""
    shared = installations(getattr(request, "param", "standin"))
    shared.reset()
    return shared
