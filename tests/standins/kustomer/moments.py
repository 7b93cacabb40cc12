"""The parts of a conversation's JSON with times: messages, ends, survey, service level. They have placeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.standins.kustomer.choices import Kind, Phase

CREATED = "%created%"
DONE = {"fresh", "settled"}
"""The phases in which the conversation is done."""


def build_messages(kind: Kind, phase: Phase) -> dict[str, Any]:
    """Build the first and last messages, the first answer, and what waits for an answer."""
    channel = kind.channels[0]
    first: dict[str, Any] = {"id": "%stem%01", "channel": channel, "sentAt": CREATED, "createdAt": CREATED}
    last_in = {"id": "%stem%03", "channel": channel, "sentAt": "%last_in%", "createdAt": "%last_in%"}
    left_at = "%done%" if phase != "open" else "%replied%"
    last_out = {"id": "%stem%04", "channel": channel, "sentAt": left_at, "createdAt": left_at, "createdBy": kind.agent}
    if kind.is_outbound:
        wrote = first | {"directionType": "initial-out", "createdBy": kind.agent, "createdByTeams": [kind.team]}
        nothing: dict[str, Any] = {"firstMessageIn": None, "lastMessageIn": {}, "lastMessageUnrespondedTo": []}
        return nothing | {"firstMessageOut": wrote, "lastMessageOut": last_out, "firstResponse": []}
    meta = {"subject": kind.reason[1], "from": "kim@customer.example", "to": [{"email": "help@gardenshop.example"}]}
    began = {
        "directionType": "initial-in",
        "meta": meta if channel == "email" else {"from": "@kim", "to": "@gardenshop"},
    }
    if phase == "new":
        nobody: dict[str, Any] = {"createdByTeams": [], "assignedTeams": [], "assignedUsers": []}
        waiting = {"lastMessageIn": first, "lastMessageOut": {}, "lastMessageUnrespondedTo": first}
        return {"firstMessageIn": first | began, **waiting, "firstResponse": nobody}
    waits = phase == "reopened" or (phase == "open" and kind.inbound > 1)
    return {
        "firstMessageIn": first | began,
        "lastMessageIn": last_in if kind.inbound > 1 or waits else first,
        "lastMessageOut": last_out,
        "lastMessageUnrespondedTo": last_in if waits else {},
        "firstResponse": {
            "id": "%stem%02",
            "time": "#%response%#",
            "businessTime": "#%response_business%#",
            **({"responseTime": "#%response%#"} if kind.is_wordy else {}),
            "sentAt": "%replied%",
            "createdAt": "%replied%",
            "createdBy": kind.responder,
            "createdByTeams": [kind.team],
            "assignedTeams": [kind.team],
            "assignedUsers": [kind.agent] if kind.is_wordy else [],
        },
    }


def build_ends(kind: Kind, phase: Phase) -> dict[str, Any]:
    """Build the first and the last end."""
    if phase in {"new", "open"}:
        return {"firstDone": None, "lastDone": []}
    messages = kind.inbound + kind.outbound
    first = {
        "id": "%stem%05",
        "time": "#%done_time%#",
        "businessTime": "#%done_business%#",
        "createdAt": "%done%",
        "createdBy": kind.agent,
        "createdByTeams": [kind.team],
        "noteCount": kind.notes,
        "messageCount": messages,
        "outboundMessageCount": kind.outbound,
    }
    if kind.is_wordy:
        channel = kind.channels[0]
        first |= {
            "assignedTeams": [kind.team],
            "assignedUsers": [kind.agent],
            "messageCountByChannel": {channel: messages},
            "outboundMessageCountByChannel": {channel: kind.outbound},
            "lastMessageDirection": "out",
            "lastMessageDirectionType": "response-out",
        }
    again = {"id": "%stem%06", "time": "#%again_time%#", "businessTime": "#%again_business%#", "createdAt": "%again%"}
    return {"firstDone": first, "lastDone": first | again if kind.again_ms and phase in DONE else first}


def build_level(kind: Kind, phase: Phase) -> dict[str, Any]:
    """Build the status of the survey. Only a survey that was sent has a rating."""
    if kind.survey is None or phase not in DONE or kind.is_outbound:
        return {"sentByTeams": []}
    level: dict[str, Any] = {
        "form": kind.survey["id"],
        "channel": kind.channels[0],
        "sentBy": kind.agent,
        "sentByTeams": [kind.team],
        "scheduledFor": "%sent%",
        "createdAt": "%again%",
        "updatedAt": "%updated%",
        "status": "scheduled" if phase == "fresh" else kind.survey_status,
    }
    if phase == "fresh" or kind.survey_status == "canceled":
        return level
    level["sentAt"] = "%sent%"
    if kind.rating is not None:
        level |= {"formResponse": "%stem%c1", "rating": kind.rating, "score": int(kind.is_good)}
    if kind.answer:
        answers = [{"id": "6a01f0c2b7d3e94410aa0401", "answer": kind.answer}]
        level |= {"firstAnswer": kind.answer, "answers": answers}
    return level


def build_sla(kind: Kind, phase: Phase) -> dict[str, Any]:
    """Build the promise for the first answer. ``breachAt`` is its deadline, whether it was met or not."""
    answered = {"satisfiedAt": "%replied%"} if phase != "new" else {}
    first = {"breachAt": "%promised%", **answered}
    return {
        "name": "Standard",
        "version": 2,
        "status": "done" if answered else "pending",
        "breached": "#%breached%#",
        "breach": "#%breach%#",
        "metrics": {"firstResponse": first},
        **({"matchedAt": CREATED, "summary": {"firstBreachAt": "%promised%", **answered}} if kind.is_wordy else {}),
    }
