"""The guard: how much a table may shrink."""

from __future__ import annotations

import pytest

from kustomer_extract.errors import GuardRefused
from kustomer_extract.pipeline.guard import check_drop


@pytest.mark.parametrize(
    ("rows", "published", "max_drop_percent"),
    [(0, None, 0), (0, 0, 0), (10, 10, 0), (11, 10, 0), (50, 100, 50), (1, 10, 90), (0, 10, 100)],
)
def test_a_drop_within_the_limit_passes(rows: int, published: int | None, max_drop_percent: float) -> None:
    check_drop(rows, published, max_drop_percent)


@pytest.mark.parametrize(("rows", "published", "max_drop_percent"), [(9, 10, 0), (49, 100, 50), (0, 12, 90)])
def test_a_larger_drop_is_refused_with_a_remedy(rows: int, published: int, max_drop_percent: float) -> None:
    with pytest.raises(GuardRefused, match="raise max_drop_percent"):
        check_drop(rows, published, max_drop_percent)
