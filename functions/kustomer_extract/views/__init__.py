"""The flat views: `columns.py` decides their columns, and `sql.py` writes their SQL in a warehouse's dialect. Pure."""

from __future__ import annotations

from kustomer_extract.views.columns import (
    LIST_MARK,
    FlatView,
    Measured,
    ViewColumn,
    build_view,
    can_measure,
    has_view,
    list_paths,
)
from kustomer_extract.views.sql import Dialect, to_measurement, to_select

__all__ = [
    "LIST_MARK",
    "Dialect",
    "FlatView",
    "Measured",
    "ViewColumn",
    "build_view",
    "can_measure",
    "has_view",
    "list_paths",
    "to_measurement",
    "to_select",
]
