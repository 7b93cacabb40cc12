"""Synthetic surveys and conversations: the same for the same seed, and cheap enough to serve millions.

Some dozens of varied templates are serialised once; a conversation is a template with its ids and times filled in.
All people, shops and texts are invented. The shapes are those of docs/kustomer-api.md, sections 8, 9 and 12.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any, TypeAlias

import orjson

Record: TypeAlias = dict[str, Any]

ORG = "6a01f0c2b7d3e94410aa0100"
_FIRST = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp())
_SPAN_SECONDS = 730 * 86_400
_TEMPLATES = 64
_CHANNELS = ("email", "chat", "sms", "voice", "whatsapp", "facebook", "instagram", "twitter-dm", "form")
_SUBJECTS = (
    "Late delivery of tomato seedlings",
    "Wrong size of gloves",
    "Rückfrage zur Rechnung",
    "Broken watering can 🌱",
)
_ANSWERS = ("Quick help", "Friendly, but slow", "I had to ask three times", "Très bien", "")


def _choose_ids(rng: Random, prefix: str, *, most: int) -> list[str]:
    """Up to `most` ids out of a small set: users, teams or tags of one organisation."""
    return sorted({f"{prefix}{rng.randrange(12):022x}" for _ in range(rng.randint(0, most))})


def _link(kind: str, path: str, identifier: str) -> Record:
    return {"links": {"self": f"/v1/{path}/{identifier}"}, "data": {"type": kind, "id": identifier}}


def build_survey(number: int, rng: Random) -> Record:
    """One survey definition; every fourth in the sparse style of the official sample."""
    identifier = f"6a01f0c2b7d3e944{number:08x}"
    channel = _CHANNELS[number % len(_CHANNELS)]
    created, updated = f"2024-0{rng.randint(1, 9)}-03T09:15:00.125Z", f"2025-0{rng.randint(1, 9)}-20T16:40:31.004Z"
    question = {"id": f"6a01f0c2b7d3e945{number:08x}", "prompt": "What could be better?", "type": "response"}
    author = _link("user", "users", f"6a{rng.randrange(12):022x}")
    attributes: Record = {
        "name": f"{channel} survey {number}",
        "enabled": rng.random() < 0.8,
        "channel": channel,
        "questions": [question],
        "positiveQuestions": [],
        "negativeQuestions": [],
        "allQuestions": [question],
        "criteria": {"and": [{"conversation_tags": {"equals": f"6e{rng.randrange(12):022x}"}}], "or": []},
        "createdAt": created,
        "updatedAt": updated,
    }
    survey: Record = {
        "type": "satisfaction",
        "id": identifier,
        "attributes": attributes,
        "relationships": {"org": _link("org", "orgs", ORG), "createdBy": author},
    }
    if number % 4 == 3:
        attributes |= {"criteria": None, "modified": updated}
        return survey
    attributes |= {
        "formType": "csat",
        "description": f"Sent after a case on {channel} is closed",
        "from": {"account": "help@gardenshop.example", "app": "postmark", "channel": channel},
        "metaTitle": "Your opinion",
        "metaDescription": "Two short questions",
        "delayTime": rng.choice((0, 30, 90.5)),
        "scale": {"options": 5, "type": "number", "labelHigh": "Very good", "labelLow": "Very bad"},
        "introduction": "Thank you for writing to us.",
        "ratingPrompt": "How did we do?",
        "followUpType": "all",
        "modifiedAt": updated,
    }
    survey["relationships"] |= {"modifiedBy": author, "template": _link("template", "kb/templates", f"63{number:022x}")}
    survey["links"] = {"self": f"/v1/satisfaction/{identifier}"}
    return survey


def _build_level(rng: Random, channel: str, surveys: list[str], user: str, teams: list[str]) -> Record:
    """`satisfactionLevel`: what became of the survey; its `form` is the id of an existing one."""
    status = rng.choice(("scheduled", "offered", "rated", "rated", "commented", "canceled", "unresponded"))
    if not surveys or status == "canceled":
        return {"sentByTeams": []}
    level: Record = {
        "form": rng.choice(surveys),
        "status": status,
        "channel": channel,
        "sentBy": user,
        "sentByTeams": teams,
        "scheduledFor": "%(done)b",
        "createdAt": "%(done)b",
        "updatedAt": "%(updated)b",
    }
    if status in {"rated", "commented"}:
        rating = rng.randint(1, 5)
        answer = rng.choice(_ANSWERS)
        level |= {"formResponse": "%(stem)bc1", "rating": rating, "score": int(rating > 3), "sentAt": "%(done)b"}
        level |= {"firstAnswer": answer, "answers": [{"id": "6a01f0c2b7d3e94500000000", "answer": answer}]}
    return level


def _build_sparse(rng: Random) -> Record:
    """The attributes of a conversation in which hardly anything happened: unset values in all their spellings."""
    return {
        "name": "",
        "channels": [],
        "status": "open",
        "messageCount": 0,
        "noteCount": 0,
        "satisfaction": 0,
        "satisfactionLevel": {"sentByTeams": []},
        "createdAt": "%(created)b",
        "updatedAt": "%(created)b",
        "modifiedAt": "%(created)b",
        "importedAt": None,
        "tags": [],
        "suggestedTags": [],
        "sentiment": {},
        "firstMessageIn": rng.choice((None, {})),
        "lastMessageIn": {},
        "lastMessageOut": {},
        "assignedUsers": [],
        "assignedTeams": [],
        "firstResponse": {"createdByTeams": [], "assignedTeams": [], "assignedUsers": []},
        "totalOpen": {},
        "direction": "in",
        "outboundMessageCount": 0,
        "rev": 1,
    }


def _build_rich(rng: Random, surveys: list[str]) -> Record:
    """The attributes of a conversation that went all the way."""
    channels = rng.sample(_CHANNELS, rng.choice((1, 1, 1, 2)))
    channel, last = channels[0], channels[-1]
    user, teams = f"6a{rng.randrange(12):022x}", _choose_ids(rng, "6d", most=2)
    sent, received = rng.randint(1, 4), rng.randint(1, 5)
    duties = {"createdBy": user, "createdByTeams": teams, "assignedTeams": teams, "assignedUsers": [user]}
    minutes = {"time": "#%(response)b#", "businessTime": "#%(response)b#"}
    counts = {"messageCount": sent + received, "outboundMessageCount": sent, "noteCount": rng.randint(0, 2)}
    meta = {"from": "kim@customer.example", "to": [{"email": "help@gardenshop.example"}], "cc": []}
    return {
        "externalId": "crm-%(number)b",
        "name": rng.choice(_SUBJECTS),
        "preview": "Hello, this is about my order %(number)b: " + rng.choice(_SUBJECTS),
        "channels": channels,
        "status": rng.choice(("done", "done", "done", "open", "snoozed")),
        "open": {"statusAt": "%(created)b"},
        "priority": rng.randint(1, 5),
        "direction": "in",
        "replyChannel": last,
        **counts,
        "inboundMessageCount": received,
        "doneCount": 1,
        "reopenCount": rng.choice((None, 0, 1)),
        "satisfaction": rng.choice((-1, 0, 0.5, 1)),
        "satisfactionLevel": _build_level(rng, last, surveys, user, teams),
        "createdAt": "%(created)b",
        "updatedAt": "%(updated)b",
        "modifiedAt": "%(done)b",
        "lastActivityAt": "%(updated)b",
        "lastMessageAt": "%(done)b",
        "spam": rng.random() < 0.02,
        "ended": True,
        "endedAt": "%(done)b",
        "endedReason": "resolved",
        "endedByType": "user",
        "importedAt": None,
        "tags": _choose_ids(rng, "6e", most=4),
        "suggestedTags": [{"tag": f"6e{rng.randrange(12):022x}", "confidence": round(rng.random(), 2)}],
        "suggestedShortcuts": [],
        "predictions": [],
        "sentiment": {"polarity": rng.choice((-1, 0, 1)), "confidence": round(rng.random(), 2)},
        "assignedUsers": [user],
        "assignedTeams": teams,
        "firstMessageIn": {
            "id": "%(stem)b01",
            "channel": channel,
            "directionType": "initial-in",
            "sentAt": "%(created)b",
            "createdAt": "%(created)b",
            "meta": meta | {"subject": "Order %(number)b"}
            if channel == "email"
            else {"from": "@kim", "to": "@gardenshop"},
        },
        "lastMessageIn": {"id": "%(stem)b03", "channel": last, "sentAt": "%(replied)b", "createdAt": "%(replied)b"},
        "lastMessageOut": {"id": "%(stem)b04", "sentAt": "%(done)b", "createdAt": "%(done)b", "createdBy": user},
        "firstResponse": {"id": "%(stem)b02", **minutes, "sentAt": "%(replied)b", "createdAt": "%(replied)b", **duties},
        "lastDone": {
            **minutes,
            "createdAt": "%(done)b",
            **duties,
            **counts,
            "messageCountByChannel": dict.fromkeys(channels, sent + received),
            "outboundMessageCountByChannel": {last: sent},
            "lastMessageDirection": "out",
            "lastMessageDirectionType": "response-out",
        },
        "totalOpen": minutes,
        "sla": {
            "name": "Standard",
            "version": 2,
            "status": "done",
            "breached": False,
            "matchedAt": "%(created)b",
            "metrics": {"firstResponse": {"breachAt": "%(done)b", "satisfiedAt": "%(replied)b"}},
            "summary": {"satisfiedAt": "%(replied)b", "firstBreachAt": "%(done)b"},
        },
        "custom": {
            "orderNumberStr": "A-%(number)b",
            "refundNum": rng.choice((0, 12.5, None)),
            "vipBool": rng.random() < 0.1,
            "shippedAt": "%(created)b",
            "reasonTree": rng.choice(("delivery.late", "delivery.lost", "product.broken")),
            "labelsStr": rng.sample(("fragile", "plants", "gift"), 2),
        },
        "defaultLang": rng.choice(("en_us", "de", "fr")),
        "roleGroupVersions": [],
        "accessOverride": [],
        "rev": rng.randint(2, 40),
    }


def _build_template(rng: Random, surveys: list[str]) -> bytes:
    """Serialise one conversation in which ids and times are still open; ``#`` marks numbers."""
    rich = rng.random() < 0.8
    user = f"6a{rng.randrange(12):022x}"
    relationships: Record = {
        "org": _link("org", "orgs", ORG),
        "customer": _link("customer", "customers", "%(customer)b"),
        "messages": {"links": {"self": "/v1/conversations/%(id)b/messages"}},
    }
    if rich:
        relationships |= {
            "createdBy": _link("user", "users", user),
            "modifiedBy": _link("user", "users", user),
            "queue": _link("queue", "routing/queues", f"61{rng.randrange(4):022x}"),
            "sla": _link("sla", "slas", f"62{rng.randrange(4):022x}"),
            "slaVersion": {"data": {"type": "sla_version", "id": f"62{rng.randrange(4):022x}"}},
            "deletedBy": None,
        }
    template = {
        "type": "conversation",
        "id": "%(id)b",
        "attributes": _build_rich(rng, surveys) if rich else _build_sparse(rng),
        "relationships": relationships,
        "links": {"self": "/v1/conversations/%(id)b"},
    }
    return orjson.dumps(template).replace(b'"#', b"").replace(b'#"', b"").replace(b'"rev":', b'%(unknown)b"rev":')


def _to_iso(epoch_ms: int) -> bytes:
    seconds, ms = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ms:03d}Z".encode()


class Conversations:
    """Renders the conversation of any number, in ascending order of id and creation.

    Args:
        count: How many there are at first; they are spread evenly over two years.
        surveys: Ids that ratings refer to.
        unknown_every: Every so many conversations has an attribute that no documentation mentions; 0: none.
    """

    def __init__(self, *, count: int, seed: int, surveys: list[str], unknown_every: int = 0) -> None:
        rng = Random(seed)
        self._templates = [_build_template(rng, surveys) for _ in range(_TEMPLATES)]
        self._salt = rng.randrange(16**6)
        self._step_ms = _SPAN_SECONDS * 1000 // max(1, count)
        self._unknown_every = unknown_every

    def name(self, number: int) -> str:
        """The id: like Kustomer's, it begins with the second of creation."""
        return f"{self._create_ms(number) // 1000:08x}{self._salt:06x}{number:010x}"

    def render(self, number: int) -> bytes:
        """The JSON of one conversation."""
        chance = (number * 2_654_435_761 + self._salt) & 0xFFFFFFFF
        response_ms = 60_000 + chance % 7_000_000
        created_ms = self._create_ms(number)
        unknown = self._unknown_every and number % self._unknown_every == 0
        values: dict[bytes, Any] = {
            b"id": self.name(number).encode(),
            b"stem": b"%08x%014x" % (created_ms // 1000, number),
            b"customer": b"60%022x" % (chance % 100_003),
            b"number": b"%d" % number,
            b"created": _to_iso(created_ms),
            b"replied": _to_iso(created_ms + response_ms),
            b"done": _to_iso(created_ms + 2 * response_ms),
            b"updated": _to_iso(created_ms + 3 * response_ms),
            b"response": b"%d" % response_ms,
            b"unknown": b'"futureKey":{"level":2},' if unknown else b"",
        }
        return self._templates[(chance >> 16) % _TEMPLATES] % values

    def _create_ms(self, number: int) -> int:
        return _FIRST * 1000 + number * self._step_ms
