"""The time in an id."""

from __future__ import annotations

import pytest

from kustomer_extract.adapters.kustomer.ids import to_made_ms


def test_the_first_eight_digits_are_the_second_in_which_the_record_was_made() -> None:
    assert to_made_ms("6749eb1144cb630000000000") == 0x6749EB11 * 1000


@pytest.mark.parametrize(
    "identifier",
    ["", "12345678", "6749eb11-44cb-4630-8000-000000000000", "6749eb1144cb63000000000g", "6749eb1144cb6300000000001"],
)
def test_an_id_of_another_kind_has_no_time(identifier: str) -> None:
    """A number of eight digits reads as the year 1979: a list that is read newest first would end there."""
    assert to_made_ms(identifier) is None
