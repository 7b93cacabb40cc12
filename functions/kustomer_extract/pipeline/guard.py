"""The guard: a table that shrinks suspiciously is not published. Pure."""

from __future__ import annotations

from kustomer_extract.errors import GuardRefused


def check_drop(rows: int, published_rows: int | None, max_drop_percent: float) -> None:
    """Refuse if `rows` falls short of what is published by more than the limit.

    Args:
        rows: Rows about to be published, repeats removed.
        published_rows: Rows of the live table; None if there is none: then anything may be.
        max_drop_percent: 0 to 100, from the configuration document.

    Raises:
        GuardRefused: the published table stays.
    """
    if published_rows is None or rows >= published_rows * (1 - max_drop_percent / 100):
        return
    raise GuardRefused(
        f"{rows} rows would replace {published_rows}, a drop of more than {max_drop_percent:g} %: the published table "
        "stays. If the drop is right, raise max_drop_percent of this table in the configuration document and run again"
    )
