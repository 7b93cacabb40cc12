"""Kinds of conversations: who writes on which channel about what, and who answers.

Some hundreds of kinds are drawn at random, frequent ones more often. A conversation has one of them, and its own times.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from tests.standins.kustomer.people import MEMBERS, TAGS, TEAMS
from tests.standins.kustomer.surveys import CHANNELS, count_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

Phase: TypeAlias = Literal["new", "open", "fresh", "settled", "reopened"]
"""Unanswered; answered; done, but the survey is not sent yet; done; open again."""

_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_CHANNEL_MARKS = (45, 67, 79, 87, 92, 95, 98, 100)  # cumulated percent
_FIRST, _ORDERS, _PHONE, _SOCIAL, _BILLING = TEAMS
_TEAMS: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "email": ((_FIRST, _ORDERS, _BILLING), (6, 3, 1)),
    "form": ((_ORDERS, _BILLING), (3, 1)),
    "chat": ((_FIRST, _ORDERS), (4, 1)),
    "voice": ((_PHONE,), (1,)),
    **dict.fromkeys(("whatsapp", "sms"), ((_FIRST,), (1,))),
    **dict.fromkeys(("instagram", "facebook"), ((_SOCIAL,), (1,))),
}
_PACE: Mapping[str, tuple[int, int, int]] = {  # medians to the first answer and from it to the end, and the promise
    "email": (2 * _HOUR, 20 * _HOUR, 8 * _HOUR),
    "chat": (45_000, 14 * _MINUTE, 3 * _MINUTE),
    "voice": (25_000, 7 * _MINUTE, 2 * _MINUTE),
    "whatsapp": (12 * _MINUTE, 2 * _HOUR, _HOUR),
    "form": (3 * _HOUR, 26 * _HOUR, 8 * _HOUR),
    "instagram": (150 * _MINUTE, 9 * _HOUR, 8 * _HOUR),
    "facebook": (150 * _MINUTE, 9 * _HOUR, 8 * _HOUR),
    "sms": (15 * _MINUTE, 3 * _HOUR, _HOUR),
}
_SLOWNESS = {_FIRST: 1.0, _ORDERS: 1.4, _PHONE: 1.0, _SOCIAL: 0.8, _BILLING: 2.0}
_MESSAGES = {"chat": (2, 6), "voice": (1, 1), "whatsapp": (1, 5)}
_REASONS = (
    ("delivery.late", "Late delivery of tomato seedlings", "Hello, my parcel has not arrived", 0, 30),
    ("delivery.damaged", "Broken watering can 🌱", 'The spout is "gone"\nand it leaks', 1, 15),
    ("return.size", "Wrong size of gloves", "The gloves are too small and green", 2, 18),
    ("billing.invoice", "Rückfrage zur Rechnung", "Könnte ich die Rechnung noch einmal bekommen?", 3, 12),
    ("account.password", "Cannot sign in", "The link that you sent has expired", 4, 8),
    ("advice.plants", "Which soil for lavender?", "¿Qué tierra necesita la lavanda?", 5, 12),
    ("praise", "Thank you!", "Everything has grown so well", 6, 5),
)  # fmt: skip
_RATINGS = (5, 4, 3, 2, 1)
_RATING_WEIGHTS = {_FIRST: (50, 25, 11, 6, 8), _PHONE: (60, 22, 8, 4, 6), _SOCIAL: (48, 26, 12, 6, 8)}
_OTHER_WEIGHTS = (36, 26, 15, 10, 13)
_ANSWERS = {True: ("Quick help", "Très bien", "Grace was great"), False: ("Too slow", "Nobody read my mail")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of conversation.

    Attributes:
        is_sparse: It has no text: a missed call, or an empty form.
        is_outbound: The agent wrote first.
        is_important: The customer is important.
        is_automated: A machine answered.
        is_wordy: Its record has more fields than most.
        response_ms, handling_ms: Medians of the time to the first answer (in working hours), and from it to the end.
        promised_ms: The time to the first answer that the service level promises.
        rating_ms: The median of the time from the survey to its answer.
        again_ms: The time from the first end to the second. 0: it is not reopened.
        inbound, outbound, notes: The numbers of messages and notes at the end.
        responder: Who answered first. `agent` is the person responsible.
        survey: The survey that is sent. None: none.
        rating: The rating on the survey's scale. None: unrated.
        answer: The answer to the question after the rating. Empty: none.
    """

    is_sparse: bool
    is_outbound: bool
    is_important: bool
    is_automated: bool
    is_wordy: bool
    channels: tuple[str, ...]
    team: str
    agent: str
    responder: str
    response_ms: float
    handling_ms: float
    promised_ms: int
    again_ms: float
    rating_ms: float
    inbound: int
    outbound: int
    notes: int
    reason: tuple[str, str, str]
    tags: tuple[str, ...]
    survey: Mapping[str, Any] | None
    survey_status: str
    rating: int | None
    answer: str

    @property
    def is_good(self) -> bool:
        """Whether the rating counts as good."""
        return self.rating is not None and self.survey is not None and self.rating > 0.6 * count_options(self.survey)


def draw_kind(rng: Random, surveys: Sequence[Mapping[str, Any]], *, share: float) -> Kind:
    """Draw a kind at random. `share`, from 0 to 1, decides the channel, so that each channel gets its part."""
    channel = CHANNELS[bisect_right(_CHANNEL_MARKS, share * _CHANNEL_MARKS[-1])]
    [team] = rng.choices(*_TEAMS[channel])
    members = MEMBERS[team]
    agent, responder = rng.choices(members, [1 / (rank + 1) for rank in range(len(members))], k=2)
    [(path, subject, preview, tag, _)] = rng.choices(_REASONS, [weight for *_, weight in _REASONS])
    response_ms, handling_ms, promised_ms = _PACE[channel]
    is_sparse, is_outbound, is_important, is_wordy, is_stuck, is_reopened = (
        rng.random() < share for share in (0.08, 0.06, 0.1, 0.15, 0.04, 0.09)
    )
    inbound = rng.randint(*_MESSAGES.get(channel, (1, 3)))
    survey, status, rating = _draw_rating(rng, team, [it for it in surveys if _fits(it, channel)])
    tags = [list(TAGS)[tag], *([list(TAGS)[7]] if is_important else [])]
    return Kind(
        is_sparse=is_sparse,
        is_outbound=is_outbound,
        is_important=is_important,
        is_automated=channel == "chat" and rng.random() < 0.3,
        is_wordy=is_wordy and not is_sparse,
        channels=(channel, "voice") if channel in {"email", "chat"} and rng.random() < 0.06 else (channel,),
        team=team,
        agent=agent,
        responder=responder if rng.random() < 0.3 else agent,
        response_ms=0 if is_outbound else response_ms * _SLOWNESS[team] * rng.uniform(0.6, 1.5),
        handling_ms=20 * _DAY if is_stuck else handling_ms * _SLOWNESS[team] * rng.uniform(0.6, 1.5),
        promised_ms=promised_ms,
        again_ms=rng.uniform(0.5, 4) * _DAY if is_reopened else 0,
        rating_ms=2 * _HOUR,
        inbound=inbound,
        outbound=max(1, inbound + rng.choice((-1, 0, 0, 1))),
        notes=rng.choice((0, 0, 0, 1, 1, 2, 3)),
        reason=(path, subject, preview),
        tags=tuple(tags) if rng.random() < 0.85 else (),
        survey=survey,
        survey_status=status,
        rating=rating,
        answer=rng.choice(_ANSWERS[rating is not None and rating > 1]) if status == "commented" else "",
    )


def _fits(survey: Mapping[str, Any], channel: str) -> bool:
    attributes = survey["attributes"]
    return bool(attributes["channel"] == channel and attributes["enabled"])


def _draw_rating(
    rng: Random, team: str, surveys: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, Any] | None, str, int | None]:
    """Draw the survey, its status, and the rating on its scale."""
    if not surveys or rng.random() < 0.15:
        return None, "", None
    survey = rng.choice(surveys)
    [status] = rng.choices(("unresponded", "offered", "canceled", "rated", "commented"), (48, 6, 2, 30, 14))
    if status not in {"rated", "commented"}:
        return survey, status, None
    [rating] = rng.choices(_RATINGS, _RATING_WEIGHTS.get(team, _OTHER_WEIGHTS))
    return survey, status, rating if count_options(survey) == 5 else 1 + (rating > 3)
