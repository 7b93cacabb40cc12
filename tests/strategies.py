"""Hypothesis strategies: any JSON, records of a schema, selections of its columns."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kustomer_extract.schema import Field, Selection

steady = settings(deadline=None, derandomize=True)
"""Decorates a property test: it uses the same examples every time, and has no deadline."""

TEXTS = st.sampled_from(["", "0", "a", "~/", "€", "\ud83d", "a\udc00€", "\ufffd"]) | st.text(max_size=8)
"""Any text that a Python string can hold, lone surrogates included."""

NUMBERS = st.one_of(
    st.integers(min_value=-(2**70), max_value=2**70),
    st.sampled_from([2**53, -(2**53), 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64]),
    st.integers(min_value=-9, max_value=9).map(float),
    st.floats(),
)
"""Integers around every limit, floats with and without a fraction, infinities and NaN."""

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)

_OFFSETS = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))

TIMESTAMPS = st.one_of(
    st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
    st.datetimes(timezones=_OFFSETS).map(datetime.isoformat),
    st.sampled_from(["", "2031-07-04", "0000-01-01T00:00:00.000Z", "2031-07-04T07:00:00.1234567Z", "soon"]),
)
"""Times in Kustomer's format, times with an offset, and texts that are no time."""

_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "FLOAT": NUMBERS,
    "INTEGER": NUMBERS,
    "JSON": JSON_VALUES,
    "STRING": TEXTS,
    "TIMESTAMP": TIMESTAMPS,
}


_ONE_IN_FOUR = st.sampled_from([False, False, False, True])


@st.composite
def records(draw: st.DrawFn, fields: Sequence[Field]) -> dict[str, Any]:
    """Draw an object with some of a schema's fields. Most values have the right type. A few fields are unknown."""
    least, most = (4, 6) if len(fields) > 8 else (0, 2)  # many attributes, few of anything else
    some = draw(st.lists(st.sampled_from(fields), min_size=least, max_size=most, unique_by=lambda field: field.name))
    record = {field.name: draw(_values(field)) for field in some}
    return record | (draw(st.dictionaries(TEXTS, JSON_VALUES, max_size=1)) if draw(_ONE_IN_FOUR) else {})


@st.composite
def _values(draw: st.DrawFn, field: Field) -> Any:
    """Draw a value for a field. Three of four have the right type."""
    if draw(_ONE_IN_FOUR):
        return draw(JSON_VALUES)
    one = records(field.fields) if field.fields else _FITTING[field.type]
    if [inner.name for inner in field.fields] == ["channel", "count"]:
        one = st.dictionaries(TEXTS, NUMBERS, max_size=3)
    return draw(st.lists(one | JSON_VALUES, max_size=3) if field.mode == "REPEATED" and draw(st.booleans()) else one)


IDENTIFIERS = TEXTS.filter(bool) | st.integers()


@st.composite
def api_objects(draw: st.DrawFn, fields: Sequence[Field]) -> dict[str, Any]:
    """Draw an element of the API's ``data``: an object with a valid id, mostly with attributes."""
    sent = [field for field in fields if field.name not in {"id", "_batch_id", "_batch_runtime"}]
    attributes = [field for field in sent if field.name == "attributes"]
    record = draw(records(sent)) | {field.name: draw(_values(field)) for field in attributes}
    return {**record, "id": draw(IDENTIFIERS)}


@st.composite
def selections(draw: st.DrawFn, fields: Sequence[Field]) -> Selection:
    """Draw a selection: true, false, or a map from some of the fields to their own selections."""
    if draw(st.booleans()):
        return draw(st.booleans())
    some = draw(st.lists(st.sampled_from(fields), max_size=5, unique_by=lambda field: field.name))
    return {field.name: draw(selections(field.fields) if field.fields else st.booleans()) for field in some}
