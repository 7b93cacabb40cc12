"""The users, teams and tags of the organisation: ids in conversations, and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ORG = "6a01f0c2b7d3e94410aa0100"
_USER, _TEAM = "6a01f0c2b7d3e94410aa02", "6d33cc77e5a3b49950dd00"
_FOUNDED, _SEEN = "2024-10-01T08:00:00.000Z", "2026-10-01T08:00:00.000Z"

AGENTS: Mapping[str, str] = {
    f"{_USER}{number:02x}": name
    for number, name in enumerate(
        (
            *(
                "Alma Reyes",
                "Ben Okafor",
                "Chiara Conti",
                "Daniel Weiss",
                "Elif Kaya",
                "Farid Haddad",
                "Grace Lindqvist",
            ),
            *("Hugo Marchand", "Irene Duarte", "Jonas Becker", "Kavya Nair", "Liam Byrne", "Mei Tanaka", "Noor Aziz"),
        ),
        start=1,
    )
}
"""Id → name. The last one has left the organisation."""

TEAMS: Mapping[str, str] = {
    f"{_TEAM}{number:02x}": name
    for number, name in enumerate(("First line", "Orders and returns", "Phone", "Social", "Billing"), start=1)
}

TAGS: Mapping[str, str] = {
    f"6e44dd88f6b4c5aa60ee00{number:02x}": name
    for number, name in enumerate(
        ("delivery", "damaged", "return", "invoice", "account", "advice", "praise", "vip"), start=1
    )
}
"""Id → name. No endpoint of the sandbox lists tags."""

_IDS, _TEAM_IDS = list(AGENTS), list(TEAMS)
MEMBERS: Mapping[str, tuple[str, ...]] = {
    _TEAM_IDS[0]: (*_IDS[0:5], _IDS[13]),
    _TEAM_IDS[1]: tuple(_IDS[4:8]),
    _TEAM_IDS[2]: tuple(_IDS[8:10]),
    _TEAM_IDS[3]: tuple(_IDS[10:12]),
    _TEAM_IDS[4]: (_IDS[3], _IDS[12]),
}
"""Team → its agents, the busiest first. Some are in two teams."""


def build_users(*, former: bool) -> list[dict[str, Any]]:
    """Build the records of ``GET /v1/users``: present users, or former ones."""
    present, gone = _IDS[:-1], _IDS[-1:]
    return [_build_user(identifier) for identifier in (gone if former else present)]


def build_teams() -> list[dict[str, Any]]:
    """Build the records of ``GET /v1/teams``."""
    return [
        {
            "type": "team",
            "id": team,
            "attributes": {
                "name": name,
                "members": [agent for agent in MEMBERS[team] if agent != _IDS[-1]],
                "createdAt": _FOUNDED,
                "updatedAt": _SEEN,
                "modifiedAt": _SEEN,
            },
            "relationships": {"org": relate("org", ORG), "createdBy": relate("user", _IDS[0])},
            "links": {"self": f"/v1/teams/{team}"},
        }
        for team, name in TEAMS.items()
    ]


def _build_user(identifier: str) -> dict[str, Any]:
    name = AGENTS[identifier]
    return {
        "type": "user",
        "id": identifier,
        "attributes": {
            "displayName": name.split()[0],
            "name": name,
            "userType": "user",
            "email": f"{name.split()[0].lower()}@gardenshop.example",
            "mobile": None,
            "roles": ["org.user"],
            "createdAt": _FOUNDED,
            "updatedAt": _SEEN,
        },
        "relationships": {"org": relate("org", ORG)},
        "links": {"self": f"/v1/users/{identifier}"},
    }


def relate(kind: str, identifier: str) -> dict[str, Any]:
    """Build a relationship to one record."""
    return {"links": {"self": f"/v1/{kind}s/{identifier}"}, "data": {"type": kind, "id": identifier}}
