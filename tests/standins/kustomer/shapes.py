"""Templates: the JSON of a conversation for each kind and phase, with placeholders.

`records` fills a placeholder like ``%created%``. Between ``#`` it is a number, true, false or null. Unset values have
the forms that Kustomer uses: absent, null, ``{}``, ``[]`` or ``""`` (docs/kustomer-api.md, section 10).
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from tests.standins.kustomer.moments import CREATED, DONE, build_ends, build_level, build_messages, build_sla
from tests.standins.kustomer.people import ORG, relate
from tests.standins.kustomer.surveys import count_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.standins.kustomer.choices import Kind, Phase

_GAP = re.compile(rb"%(\w+)%")


class Template:
    """The JSON of a conversation, with placeholders."""

    def __init__(self, kind: Kind, phase: Phase) -> None:
        body = msgspec.json.encode(_build_record(kind, phase)).replace(b'"#', b"").replace(b'#"', b"")
        self._pieces = _GAP.split(body.replace(b'"rev":', b'%unknown%"rev":'))
        self._choose = itemgetter(*(name.decode() for name in self._pieces[1::2]))

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Fill the placeholders."""
        pieces = self._pieces.copy()
        pieces[1::2] = self._choose(values)
        return b"".join(pieces)


def _build_record(kind: Kind, phase: Phase) -> dict[str, Any]:
    relationships: dict[str, Any] = {
        "org": relate("org", ORG),
        "customer": relate("customer", "%customer%"),
        "messages": {"links": {"self": "/v1/conversations/%id%/messages"}},
    }
    if kind.is_outbound:
        relationships |= {"createdBy": relate("user", kind.agent)}
    if kind.is_wordy:
        relationships |= {
            "deletedBy": None,
            "modifiedBy": relate("user", kind.responder),
            "queue": relate("queue", kind.team),
            "slaVersion": {"data": {"type": "sla_version", "id": "6288bbccdaf809eea0cc0002"}},
        }
    return {
        "type": "conversation",
        "id": "%id%",
        "attributes": _build_sparse() if kind.is_sparse else _build_rich(kind, phase),
        "relationships": relationships,
        "links": {"self": "/v1/conversations/%id%"},
    }


def _build_sparse() -> dict[str, Any]:
    return {
        "name": "",
        "channels": [],
        "status": "done",
        "messageCount": 0,
        "noteCount": 0,
        "satisfaction": 0,
        "satisfactionLevel": {"sentByTeams": []},
        "createdAt": CREATED,
        "updatedAt": "%updated%",
        "modifiedAt": CREATED,
        "importedAt": None,
        "tags": [],
        "suggestedTags": [],
        "sentiment": {},
        "firstMessageIn": None,
        "lastMessageIn": {},
        "lastMessageOut": {},
        "assignedUsers": [],
        "assignedTeams": [],
        "firstResponse": {"createdByTeams": [], "assignedTeams": [], "assignedUsers": []},
        "totalOpen": {},
        "direction": "in",
        "outboundMessageCount": 0,
        "sla": [],
        "snooze": [],
        "open": "",
        "rev": 1,
    }


def _build_rich(kind: Kind, phase: Phase) -> dict[str, Any]:
    is_new, is_done, was_done = phase == "new", phase in DONE, phase not in {"new", "open"}
    inbound, outbound = (int(not kind.is_outbound), 0) if is_new else (kind.inbound, kind.outbound)
    path, subject, preview = kind.reason
    is_snoozed = phase == "open" and kind.notes == 1
    latest = CREATED if is_new else "%again%" if is_done else "%done%" if was_done else "%replied%"
    return {
        "name": subject,
        "preview": preview,
        "channels": kind.channels,
        "priority": 4 if kind.is_important else 3,
        "status": "done" if is_done else "snoozed" if is_snoozed else "open",
        "open": "" if is_done else {"statusAt": "%last_in%" if was_done else CREATED},
        "snooze": {"status": "scheduled", "statusAt": "%replied%", "time": "%wakes%"} if is_snoozed else [],
        "direction": "out" if kind.is_outbound else "in",
        "replyChannel": kind.channels[0],
        "messageCount": inbound + outbound,
        "inboundMessageCount": inbound,
        "outboundMessageCount": outbound,
        "noteCount": kind.notes,
        "doneCount": (2 if kind.again_ms and is_done else 1) if was_done else 0,
        "reopenCount": 1 if was_done and kind.again_ms else None,
        "satisfaction": _to_satisfaction(kind) if phase == "settled" else 0,
        "satisfactionLevel": build_level(kind, phase),
        "createdAt": CREATED,
        "updatedAt": "%updated%",
        "modifiedAt": latest,
        "lastActivityAt": "%updated%",
        "lastMessageAt": latest,
        "spam": False,
        "importedAt": None,
        "tags": kind.tags,
        **({"ended": True, "endedAt": latest, "endedReason": "resolved", "endedByType": "user"} if is_done else {}),
        "suggestedTags": [{"tag": tag, "confidence": 0.82} for tag in kind.tags if kind.is_wordy],
        "suggestedShortcuts": [],
        "predictions": [],
        "sentiment": _to_sentiment(kind, phase),
        "assignedUsers": [] if is_new else [kind.agent],
        "assignedTeams": [kind.team],
        **build_messages(kind, phase),
        **build_ends(kind, phase),
        "totalOpen": {} if is_new else {"time": "#%open_time%#", "businessTime": "#%open_business%#"},
        "sla": [] if kind.is_outbound else build_sla(kind, phase),
        "assistant": [],
        "aiAgent": {"automationId": ["6e0000000000000000000001"] if kind.is_automated else []},
        "billingStatus": "invoiced" if is_done else None,
        "custom": _build_custom(kind, path),
        **({"modificationHistory": {"nameAt": None, "statusAt": latest}} if kind.is_wordy else {}),
        "defaultLang": "de" if subject.startswith("Rück") else "en_us",
        "roleGroupVersions": [],
        "accessOverride": [],
        "rev": 3 + 2 * (inbound + outbound) + kind.notes,
    }


def _to_satisfaction(kind: Kind) -> float:
    """Convert the rating to -1 to 1. 0 also means "unrated"."""
    if kind.rating is None or kind.survey is None or kind.is_outbound:
        return 0
    return 2 * (kind.rating - 1) / (count_options(kind.survey) - 1) - 1


def _to_sentiment(kind: Kind, phase: Phase) -> dict[str, Any]:
    if kind.rating is None or phase != "settled":
        return {}
    return {"polarity": 1 if kind.is_good else -1, "confidence": 0.6}


def _build_custom(kind: Kind, path: str) -> dict[str, Any]:
    """Build one custom attribute of each type, and a list."""
    is_return = path.startswith(("return", "delivery.damaged"))
    return {
        "orderNumberStr": "A-%number%",
        "noteTxt": "Asked:\n" + kind.reason[1],
        "trackingUrl": "https://parcel.example/%number%",
        "accountId": "%customer%",
        **({"refundNum": 12.5 if kind.notes else 30} if is_return else {"refundNum": None} if kind.notes else {}),
        "shippedAt": "%shipped%",
        "vipBool": kind.is_important,
        "reasonTree": path,
        "labelsStr": ["fragile", "plants"] if path.startswith("delivery") else [],
    }
