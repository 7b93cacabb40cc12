"""The guard: a table that shrinks too much is not published. Pure."""

from __future__ import annotations

from kustomer_extract.errors import GuardRefused


def check_drop(rows: int, published_rows: int | None, max_drop_percent: float) -> None:
    """Refuse a new table that has fewer rows than the published one by more than the limit.

    Args:
        rows: Rows about to be published, without repeats.
        published_rows: Rows of the live table; None if there is none, and then any number is accepted.
        max_drop_percent: The limit from the configuration document, 0 to 100.

    Raises:
        GuardRefused: the drop is larger; the published table stays.
    """
    if published_rows is None or rows >= published_rows * (1 - max_drop_percent / 100):
        return
    raise GuardRefused(
        f"{rows} rows would replace {published_rows}, a drop of more than {max_drop_percent:g} %: the published table "
        "stays. If the drop is right, raise max_drop_percent of this table in the configuration document and run again"
    )
