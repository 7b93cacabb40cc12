"""The fixture `world`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pipeline.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Build an installation with seven conversations and three surveys."""
    world = World(tmp_path)
    yield world
    world.close()
