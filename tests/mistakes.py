"""Common mistakes in a configuration document, and the effect of each: the table in docs/console.md.

Each mistake is an edit of `DOCUMENT`, a valid document in which `preview` is deselected.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Document: TypeAlias = dict[str, Any]

DOCUMENT: Document = {
    "source": "kustomer",
    "org": "acme",
    "status": "ACTIVE",
    "personal_data": True,
    "rate_share": 0.6,
    "tables": {
        "satisfaction": {"selected": True, "max_drop_percent": 90, "columns": {"attributes": {"name": True}}},
        "conversations": {
            "selected": True,
            "max_drop_percent": 10,
            "columns": {"attributes": {"preview": False, "custom": True, "channels": True}, "links": True},
        },
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake.

    Attributes:
        title: Its name on the page.
        edit: Makes the mistake in a document.
        problem: The problem in the error, if the run fails.
        warning: The warning in the log, if the run does not fail.
        only_in_firestore: In a laptop's file this is not a mistake.
    """

    title: str
    edit: Callable[[Document], object]
    problem: str | None = None
    warning: str | None = None
    only_in_firestore: bool = False

    def make(self) -> Document:
        """Build the document with the mistake in it."""
        document = copy.deepcopy(DOCUMENT)
        self.edit(document)
        return document


def _attributes(document: Document) -> Document:
    attributes: Document = document["tables"]["conversations"]["columns"]["attributes"]
    return attributes


def _rename(holder: Document, old: str, new: str) -> None:
    holder[new] = holder.pop(old)


REFUSED = (
    Mistake(
        title="A field set to null",
        edit=lambda document: _attributes(document).update(preview=None),
        problem="tables.conversations.columns.attributes.preview: found null, allowed: true or false",
    ),
    Mistake(
        title="`status` deleted",
        edit=lambda document: document.pop("status"),
        problem="status: found nothing, allowed: PENDING, ACTIVE, PAUSED, DELETED",
        only_in_firestore=True,
    ),
    Mistake(
        title="A misspelt name",
        edit=lambda document: _rename(_attributes(document), "preview", "previw"),
        problem="tables.conversations.columns.attributes.previw: found an unknown name (did you mean preview?)",
    ),
    Mistake(
        title="A path with dots as one name",
        edit=lambda document: document["tables"]["conversations"]["columns"].update({"attributes.preview": False}),
        problem="tables.conversations.columns.attributes.preview: found a name with a dot, "
        "allowed: one name a level: write it nested, a map attributes with preview in it",
    ),
    Mistake(
        title="An address as `org`",
        edit=lambda document: document.update(org="https://acme.kustomerapp.com"),
        problem='org: found "https://acme.kustomerapp.com", allowed: letters, digits and hyphens only',
    ),
    Mistake(
        title="`history_start` in words, or in the future",
        edit=lambda document: document.update(history_start="last year"),
        problem='history_start: found "last year", allowed: a date or a timestamp in the past',
    ),
)
"""The run fails, nothing is read or published, and the error says what to do."""

_AS_TEXT = "A number as text, or a status in small letters"

ACCEPTED = (
    Mistake(
        title=_AS_TEXT,
        edit=lambda document: document.update(rate_share="0.5"),
        warning='rate_share: "0.5" was read as 0.5',
    ),
    Mistake(
        title=_AS_TEXT,
        edit=lambda document: document.update(status="active"),
        warning='status: "active" was read as "ACTIVE"',
    ),
)
"""The meaning is clear, so the run accepts the value with a warning."""

SELECTED_AGAIN = (
    Mistake(
        title="A column deleted, or `columns` emptied",
        edit=lambda document: _attributes(document).pop("preview"),
        warning="added: attributes.preview",
    ),
    Mistake(
        title="`tables` deleted",
        edit=lambda document: document.pop("tables"),
        warning="added: attributes.preview",
    ),
)
"""A deselected column is selected again, with a warning: columns that are not named are selected."""

SWITCHED_OFF = Mistake(
    title="A table deleted",
    edit=lambda document: document["tables"].pop("satisfaction"),
)
"""A table that is not named is not selected."""

ALL = (*REFUSED, *ACCEPTED, *SELECTED_AGAIN, SWITCHED_OFF)
