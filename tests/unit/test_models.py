"""Properties of the shared values."""

from __future__ import annotations

import pytest

from kustomer_extract.models import Table


@pytest.mark.parametrize(
    ("table", "role"),
    [
        (Table.SATISFACTION, "org.permission.satisfaction.read"),
        (Table.CONVERSATIONS, "org.permission.conversation.read"),
        (Table.USERS, "org.permission.user.read"),
        (Table.TEAMS, "org.permission.team.read"),
    ],
)
def test_a_table_has_the_role_that_its_key_needs(table: Table, role: str) -> None:
    assert table.role == role
