"""Survey definitions: the channels take turns. Every fourth has as few fields as the official sample."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from tests.standins.kustomer.people import AGENTS, ORG, TAGS, relate

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANNELS = ("email", "chat", "voice", "whatsapp", "form", "instagram", "facebook", "sms")
"""The channels, the busiest first."""

_QUESTION = {"id": "6a01f0c2b7d3e94410aa0401", "prompt": "What could be better?", "type": "response"}
_SCALES = (
    {"options": 5, "type": "number", "labelHigh": "Very good", "labelLow": "Very bad"},
    {"options": 5, "type": "emoji"},
    {"options": 2, "type": "thumb"},
)
_OPTIONS = 5  # default for a survey without a scale


def build_surveys(count: int, seed: int) -> list[dict[str, Any]]:
    """Build the records of ``GET /v1/satisfaction``, in ascending order of id."""
    rng = Random(f"surveys {seed}")
    return [(_build_sparse if number % 4 == 3 else _build_full)(number, rng) for number in range(count)]


def count_options(survey: Mapping[str, Any]) -> int:
    """Return the number of options of its scale."""
    options: int = survey["attributes"].get("scale", {}).get("options", _OPTIONS)
    return options


def _build_full(number: int, rng: Random) -> dict[str, Any]:
    channel, author = CHANNELS[number % len(CHANNELS)], rng.choice(list(AGENTS))
    survey = _build_sparse(number, rng)
    unsure = {
        "formType": rng.choice(["csat", None]),
        "description": rng.choice(["Sent when a case is closed", "", None]),
        "from": rng.choice([{"account": "help@gardenshop.example", "app": "postmark", "channel": channel}, None]),
    }
    del survey["attributes"]["modified"]
    survey["attributes"] |= {
        **{name: value for name, value in unsure.items() if value is not None},
        "enabled": number < len(CHANNELS) or rng.random() < 0.6,
        "metaTitle": "Your opinion",
        "metaDescription": "Two short questions",
        "delayTime": 30,
        "scale": _SCALES[2 if number % 6 == 5 else number % 2],
        "introduction": "Thank you for writing to us.",
        "ratingPrompt": "How did we do?",
        "followUpType": "all",
        "questions": [_QUESTION],
        "allQuestions": [_QUESTION],
        "criteria": rng.choice([{"and": [{"conversation_tags": {"equals": rng.choice(list(TAGS))}}], "or": []}, None]),
        "modifiedAt": survey["attributes"]["updatedAt"],
    }
    survey["relationships"] |= {"modifiedBy": relate("user", author), "template": relate("template", next(iter(TAGS)))}
    return survey | {"links": {"self": f"/v1/satisfaction/{survey['id']}"}}


def _build_sparse(number: int, rng: Random) -> dict[str, Any]:
    created, updated = f"2024-11-{1 + number % 24:02d}T08:00:00.500Z", f"2025-0{1 + number % 9}-02T08:30:00.750Z"
    return {
        "type": "satisfaction",
        "id": f"6a01f0c2b7d3e944{number:08x}",
        "attributes": {
            "name": f"{CHANNELS[number % len(CHANNELS)].capitalize()} survey {number + 1}",
            "enabled": True,
            "channel": CHANNELS[number % len(CHANNELS)],
            "questions": [],
            "positiveQuestions": [],
            "negativeQuestions": [],
            "allQuestions": [],
            "criteria": {"and": [], "or": []},
            "createdAt": created,
            "updatedAt": updated,
            "modified": updated,
        },
        "relationships": {"org": relate("org", ORG), "createdBy": relate("user", rng.choice(list(AGENTS)))},
    }
