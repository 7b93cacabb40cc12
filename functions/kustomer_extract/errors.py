"""Every exception of the package, in one tree. The class tells the caller what to do; the attributes hold the facts.

Longer than 200 lines, because it has a few lines for each of them.

::

    ExtractError
    ├── RetryLater             temporary: redelivery (cloud) or another attempt (laptop) may succeed
    ├── TakenOver              another invocation owns the run: stop, and change nothing more
    ├── StateUnreadable        the stored state of the last run cannot be read: it is set aside
    ├── UnreadableMessage      a message that this product did not send: it is dropped and not redelivered
    ├── UsageError             a command that cannot be understood, or that is not possible here
    ├── Unwanted               nobody waits for this page any more: the fetch stops
    ├── Unanswered             a question of `check --report` has no answer: its line says why
    ├── RequestFailed          one attempt of a request failed: `http` decides whether to try again
    │   ├── Transient              another attempt may succeed
    │   └── Unauthorised           the key was not accepted for this request
    └── NeedsPerson            only a person can cure it: the job is FAILED and the message acknowledged
        ├── ConfigInvalid          the configuration document has problems, listed in `problems`
        ├── UnknownIntegration     there is no such document
        ├── SecretUnavailable      the API key cannot be read
        ├── KeyRejected            Kustomer refuses the key
        ├── RoleMissing            the key is valid, but may not read this table
        ├── GuardRefused           the new table is much smaller than the published one
        ├── Truncated              the extract is incomplete, or probably so
        ├── BrokenPage             an answer of Kustomer is wrong, and retries did not help
        ├── RowRejected            the warehouse refuses a row
        ├── WarehouseRefused       the warehouse refuses a table, a dataset or a right
        ├── ServiceRefused         Firestore or Pub/Sub refuses a right, or lacks what is needed
        ├── RetriesExhausted       temporary failures went on for too long
        ├── Abandoned              a newer run replaced this one
        └── Stopped                a person paused or deleted the integration during the run

Any other exception is a bug.
No message contains a key, a header or a payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExtractError(Exception):
    """Root of all errors that this package raises on purpose."""


class RetryLater(ExtractError):
    """A temporary failure: the same work may succeed later.

    Args:
        what: What failed and where, for a person: ``"BigQuery: 503 on load job …"``.
        retry_after_seconds: How long the other side asks to wait; None if it does not say.
    """

    def __init__(self, what: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class TakenOver(ExtractError):
    """The run state has changed since it was read: another invocation continues the run."""


class StateUnreadable(ExtractError):
    """The stored state of a run cannot be read. The message says why, without its content."""


class UnreadableMessage(ExtractError):
    """The message cannot be read; redelivery would not change that."""


class UsageError(ExtractError):
    """The command cannot be understood, or is not possible here."""


class Unwanted(ExtractError):
    """A fetch has stopped because nobody waits for its page any more."""


class Unanswered(ExtractError):
    """Something could not be found out for a report. The message may be published; our other errors name hosts."""


class RequestFailed(ExtractError):
    """One attempt of a request to Kustomer failed. Only the adapter sees this error."""


class Transient(RequestFailed):
    """Another attempt may succeed. If none does, `final` is raised.

    Args:
        final: The error to raise when there is no further attempt.
        is_refusal: The answer was a 429, which does not count as a failure.
        is_unknown_host: The name of the host could not be resolved.
    """

    def __init__(self, final: ExtractError, *, is_refusal: bool = False, is_unknown_host: bool = False) -> None:
        super().__init__(str(final))
        self.final = final
        self.is_refusal = is_refusal
        self.is_unknown_host = is_unknown_host


class Unauthorised(RequestFailed):
    """The key was not accepted for this request.

    Args:
        code: The error code of the API, for the message; may be empty.
        pods: The regions that the answer names: that of the key, and that of the request.
    """

    def __init__(self, code: str, *, pods: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.pods = pods


class NeedsPerson(ExtractError):
    """A failure that repetition does not cure. The message says what to do next.

    Attributes:
        code: The kind of failure, for logs and records.
        may_pass: Whether the same run may succeed some hours later without a person.
    """

    code: ClassVar[str]
    may_pass: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in the configuration document.

    Attributes:
        path: Its place, as shown in the console: ``tables.conversations.columns.attributes``.
        found: The value that was found, shortened.
        allowed: What is allowed there.
        nearest: The valid name that is most like the one that was found.
    """

    path: str
    found: str
    allowed: str
    nearest: str | None = None

    def __str__(self) -> str:
        """Return one line. A lone surrogate, which no store accepts, becomes a question mark."""
        hint = f" (did you mean {self.nearest}?)" if self.nearest else ""
        text = f"{self.path}: found {self.found}{hint}, allowed: {self.allowed}"
        return text.encode(errors="replace").decode()


class ConfigInvalid(NeedsPerson):
    """The configuration document or the YAML file cannot be used as it is."""

    code = "config_invalid"

    def __init__(self, where: str, problems: Sequence[Problem]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"{where}: {len(problems)} problem(s); correct them; the next run reads the document again\n{lines}"
        )
        self.problems = tuple(problems)


class UnknownIntegration(NeedsPerson):
    """There is no configuration with this name."""

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
    """Publishing would remove more rows than `max_drop_percent` allows."""

    code = "guard_refused"


class Truncated(NeedsPerson):
    """The extract ended before the data did, or probably did."""

    code = "truncated"
    may_pass = True


class BrokenPage(NeedsPerson):
    """An answer is not a page of this API, also after all retries.

    Args:
        what: Which answer it is, and what is wrong with it.
        status_code: The status of the answer, if that is what is wrong.
    """

    code = "broken_page"
    may_pass = True

    def __init__(self, what: str, *, status_code: int | None = None) -> None:
        super().__init__(what)
        self.status_code = status_code


class RowRejected(NeedsPerson):
    """The warehouse refused a row. The message has its position and field, but not its content."""

    code = "row_rejected"


class WarehouseRefused(NeedsPerson):
    """The warehouse refused something that only a person can change."""

    code = "warehouse_refused"


class ServiceRefused(NeedsPerson):
    """A Google Cloud service other than the warehouse refused a request.

    Args:
        where: The service and its resource: ``Firestore database (default) of project acme``.
        what: What was being done, and the answer of the service.
        cure: What a person has to do.
    """

    code = "service_refused"

    def __init__(self, where: str, *, what: str, cure: str) -> None:
        super().__init__(f"{where}: {what}. {cure}")
        self.where = where


class RetriesExhausted(NeedsPerson):
    """Temporary failures without progress went on for longer than a run may take."""

    code = "retries_exhausted"
    may_pass = True


class Abandoned(NeedsPerson):
    """The run was left unfinished and a newer one took its place."""

    code = "abandoned"
    may_pass = True


class Stopped(NeedsPerson):
    """The integration was paused or deleted during the run; the table was not published."""

    code = "stopped"


ERROR_CODES = tuple(sorted(kind.code for kind in NeedsPerson.__subclasses__()))
"""Every `error_code`, for the documentation, the alerts and the tests."""

CODES_THAT_MAY_PASS = frozenset(kind.code for kind in NeedsPerson.__subclasses__() if kind.may_pass)
"""The codes of failures that a second run on the same day may cure. A used-up quota ends as `retries_exhausted`."""
