"""Every exception of the package, in one tree. The class tells the caller what to do; the attributes are the facts.

It is long because it is the whole list, a few lines for each.

::

    ExtractError
    ├── RetryLater             transient: redelivery (cloud) or another attempt (laptop) cures it
    ├── TakenOver              a newer invocation owns the run: stop quietly, touch nothing more
    ├── StateUnreadable        what is stored of the last run makes no sense: it is set aside
    ├── Unreadable             a message that is none of ours: dropped, never redelivered
    ├── Misused                a command that cannot be understood, or not here
    ├── Unwanted               a page that nobody waits for any more: its fetch gives up
    ├── RequestFailed          one attempt of a request: `http` decides whether there is another
    │   ├── Transient              another attempt may succeed
    │   └── Unauthorised           the key was not accepted for this request
    └── NeedsPerson            only a person can cure it: the job is FAILED, the message acknowledged
        ├── ConfigInvalid          the configuration document has problems: all of them, in `problems`
        ├── UnknownIntegration     no such document
        ├── SecretUnavailable      the API key cannot be read
        ├── KeyRejected            Kustomer refuses the key
        ├── RoleMissing            Kustomer knows the key, but it may not read this table
        ├── GuardRefused           the new table is suspiciously smaller than the published one
        ├── Truncated              the extract is known, or likely, to be incomplete
        ├── BrokenPage             an answer of Kustomer that no retry mends
        ├── RowRejected            the warehouse refuses a row
        ├── WarehouseRefused       the warehouse refuses a table, a dataset or a right
        ├── ServiceRefused         Firestore or Pub/Sub refuses a right, or lacks what it needs
        ├── RetriesExhausted       transient failures that went on for too long
        ├── Abandoned              a newer run replaced this one
        └── Stopped                a person paused or deleted the integration in mid-run

Anything else that is raised is a bug.
Messages never contain a key, a header or a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExtractError(Exception):
    """Root of all errors that this package raises on purpose."""


class RetryLater(ExtractError):
    """A transient failure: the same work, done later, may succeed.

    Args:
        what: What failed and where, for a person: ``"BigQuery: 503 on load job …"``.
        retry_after_seconds: The other side's own wish, where it stated one.
    """

    def __init__(self, what: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class TakenOver(ExtractError):
    """The run state changed since it was read: another invocation goes on with the run."""


class StateUnreadable(ExtractError):
    """Nobody can make sense of the stored state of a run; the message says why, without its content."""


class Unreadable(ExtractError):
    """The message is none of ours; redelivery would not change it."""


class Misused(ExtractError):
    """The command cannot be understood, or not here."""


class Unwanted(ExtractError):
    """Raised by a fetch that gave up because nobody waits for its page any more."""


class RequestFailed(ExtractError):
    """One attempt of a request to Kustomer came to nothing. Never leaves the adapter."""


class Transient(RequestFailed):
    """Another attempt may succeed; if none does, `final` is to be raised.

    Args:
        final: What is raised in the end.
        is_refusal: It was a 429: no failure of anybody.
        is_unknown_host: The name of the host leads nowhere.
    """

    def __init__(self, final: ExtractError, *, is_refusal: bool = False, is_unknown_host: bool = False) -> None:
        super().__init__(str(final))
        self.final = final
        self.is_refusal = is_refusal
        self.is_unknown_host = is_unknown_host


class Unauthorised(RequestFailed):
    """The key was not accepted for this request; the message is the API's code, or empty.

    Args:
        code: The API's own, for the message.
        pods: Regions that the answer names: where the key is from, and where it was used.
    """

    def __init__(self, code: str, *, pods: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.pods = pods


class NeedsPerson(ExtractError):
    """A failure that no repetition cures. The message says what to do next.

    Attributes:
        code: What kind of failure, for logs and records.
        may_pass: The same run, some hours later, may succeed without a person.
    """

    code: ClassVar[str]
    may_pass: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in the configuration document.

    Attributes:
        path: Where, as typed in the console: ``tables.conversations.columns.attributes``.
        found: What stands there, shortened.
        allowed: What may stand there.
        nearest: The valid name that looks most like a misspelt one.
    """

    path: str
    found: str
    allowed: str
    nearest: str | None = None

    def __str__(self) -> str:
        """Say it in one line; half a surrogate pair, which no store takes, as a question mark."""
        hint = f" (did you mean {self.nearest}?)" if self.nearest else ""
        text = f"{self.path}: found {self.found}{hint}, allowed: {self.allowed}"
        return text.encode(errors="replace").decode()


class ConfigInvalid(NeedsPerson):
    """The configuration document, or the YAML file, cannot be used as it stands."""

    code = "config_invalid"

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{where}: {len(problems)} problem(s); correct them; the next run reads the document again\n{lines}"
        )
        self.problems = tuple(problems)


class UnknownIntegration(NeedsPerson):
    """No configuration exists under this name."""

    code = "unknown_integration"

    def __init__(self, name: str, known: Sequence[str] = ()) -> None:
        names = f"; known: {', '.join(known)}" if known else ""
        super().__init__(f"no integration is called {name!r}{names}: add it to the configuration, or correct the name")
        self.name = name


class SecretUnavailable(NeedsPerson):
    """The API key is missing, disabled, unreadable or empty."""

    code = "secret_unavailable"


class KeyRejected(NeedsPerson):
    """Kustomer answered 401 (or 403) for any request with this key."""

    code = "key_rejected"


class RoleMissing(NeedsPerson):
    """The key is valid, but lacks the role that this table needs."""

    code = "role_missing"


class GuardRefused(NeedsPerson):
    """Publishing would have dropped more rows than `max_drop_percent` allows."""

    code = "guard_refused"


class Truncated(NeedsPerson):
    """The extract ended where the data did not, or may not have."""

    code = "truncated"
    may_pass = True


class BrokenPage(NeedsPerson):
    """An answer that is not a page of this API: no retry mends it.

    Args:
        what: Which answer, and what is wrong with it.
        status_code: Of the answer, where that is what is wrong.
    """

    code = "broken_page"
    may_pass = True

    def __init__(self, what: str, *, status_code: int | None = None) -> None:
        super().__init__(what)
        self.status_code = status_code


class RowRejected(NeedsPerson):
    """The warehouse refused a row; the message has its position and field, never its content."""

    code = "row_rejected"


class WarehouseRefused(NeedsPerson):
    """The warehouse refused something that only a person can change."""

    code = "warehouse_refused"


class ServiceRefused(NeedsPerson):
    """A service of Google Cloud's, other than the warehouse, refuses what the function or the command needs.

    Args:
        where: The service and what of it: ``Firestore database (default) of project acme``.
        what: What was being done, and the service's answer.
        cure: What a person does about it, there.
    """

    code = "service_refused"

    def __init__(self, where: str, *, what: str, cure: str) -> None:
        super().__init__(f"{where}: {what}. {cure}")
        self.where = where


class RetriesExhausted(NeedsPerson):
    """Transient failures, without any progress, for longer than a run may take."""

    code = "retries_exhausted"
    may_pass = True


class Abandoned(NeedsPerson):
    """The run was left unfinished and a newer one took its place."""

    code = "abandoned"
    may_pass = True


class Stopped(NeedsPerson):
    """The integration was paused or deleted while it ran; nothing was published."""

    code = "stopped"


ERROR_CODES = tuple(sorted(kind.code for kind in NeedsPerson.__subclasses__()))
"""Every `error_code` there is, for the documentation, the alerts and the tests."""

CODES_THAT_MAY_PASS = frozenset(kind.code for kind in NeedsPerson.__subclasses__() if kind.may_pass)
"""Of the failures that a second run on the same day may cure. A spent quota is among them: as `retries_exhausted`."""
