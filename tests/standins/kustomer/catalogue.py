"""Faults by name, for the command line, and for tests of all faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.kustomer.faults import Fault
from tests.standins.kustomer.store import Organisation

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFUSALS = (400, 401, 403, 404, 409)
_STATUSES = (400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504)
_FIRST_PAGE = "/v1/conversations?page=1&pageSize=100"
_LATER_PAGE = "/v1/conversations?page=9999&pageSize=100"
_OTHER_POD = (
    b'{"errors":[{"status":401,"code":"unauthorized","title":"token issued for prod2, request reached prod1"}]}'
)
_NO_ORG = b'{"errors":[{"code":"not_found","message":"organization not found","meta":{}}]}'

GROUPS: Mapping[str, Mapping[str, Fault]] = {
    "errors in Kustomer's first form": {f"status-{status}": Fault(status=status) for status in _STATUSES},
    "the first request of each page is refused": {
        f"status-{status}-once": Fault(status=status, attempt=1) for status in _REFUSALS
    },
    "an error in Kustomer's second form; with an empty body; from a proxy": {
        "detail-500": Fault(status=500, error="detail"),
        "empty-502": Fault(status=502, error="empty"),
        "text-503": Fault(status=503, error="text"),
    },
    "60 responses with 503; no response for 30 seconds": {
        "outage": Fault(status=503, times=60),
        "outage-30s": Fault(cut="before", lasts_seconds=30),
    },
    "the key belongs to another region; the organisation is unknown": {
        "other-pod": Fault(status=401, body=_OTHER_POD),
        "unknown-org": Fault(status=404, body=_NO_ORG),
    },
    "fewer rows than other pages, with a next link": {
        "no-rows": Fault(keeps=0),
        "no-rows-once": Fault(keeps=0, attempt=1),
        "short-page": Fault(keeps=40),
        "short-page-once": Fault(keeps=40, attempt=1),
        "one-fewer": Fault(fewer=1),
        "one-fewer-once": Fault(fewer=1, attempt=1),
    },
    "the list ends on this page": {
        "ends-early": Fault(keeps=10, ends=True),
        "ends-early-once": Fault(keeps=10, ends=True, attempt=1),
        "ends-empty-once": Fault(keeps=0, ends=True, attempt=1),
    },
    "200, but not a page": {
        "error-200": Fault(status=200, error="message"),
        "html-200": Fault(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html"}),
        "not-json": Fault(body=b'{"data": [oops'),
        "not-a-page": Fault(body=b'["data"]'),
        "empty-body": Fault(body=b""),
    },
    "JSON under another content type; with an integer of 5,000 digits": {
        "text-type": Fault(headers={"Content-Type": "text/plain"}),
        "html-type": Fault(headers={"Content-Type": "text/html"}),
        "octet-type": Fault(headers={"Content-Type": "application/octet-stream"}),
        "huge-integer": Fault(digits=5000),
    },
    "Retry-After on a successful response": {
        "retry-after-0": Fault(headers={"Retry-After": "0"}),
        "retry-after-1": Fault(headers={"Retry-After": "1"}),
        "retry-after-minus-1": Fault(headers={"Retry-After": "-1"}),
        "retry-after-soon": Fault(headers={"Retry-After": "soon"}),
        "retry-after-empty": Fault(headers={"Retry-After": ""}),
        "retry-after-past": Fault(headers={"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}),
        "retry-after-absurd": Fault(headers={"Retry-After": "Thu, 01 Jan 99999 00:00:00 GMT"}),
    },
    "links.next with a port; to another host of Kustomer; to a foreign host": {
        "link-port": Fault(next_link="https://acme.api.kustomerapp.com:443" + _LATER_PAGE),
        "link-kustomer": Fault(next_link="https://api.prod2.kustomerapp.com" + _LATER_PAGE),
        "link-foreign": Fault(next_link="https://evil.example" + _LATER_PAGE),
    },
    "responses that are cut off": {
        "reset-before": Fault(cut="before"),
        "reset-in-body": Fault(cut="reset"),
        "close-in-body": Fault(cut="close"),
        "half-json": Fault(cut="json"),
    },
    "gzip only in the header; half of the compressed body": {
        "gzip-lie": Fault(gzip="lie"),
        "gzip-truncated": Fault(gzip="truncated"),
    },
    "a redirect to this host; to `localhost`, which is the same server": {
        "redirect-here": Fault(status=302, headers={"Location": _FIRST_PAGE}),
        "redirect-elsewhere": Fault(status=302, headers={"Location": "{other}" + _FIRST_PAGE}),
    },
    "256 MB; 64 bytes every 0.1 s; a pause of 5 s": {
        "huge": Fault(padding_mb=256),
        "trickle": Fault(trickle_bytes=64, trickle_seconds=0.1),
        "slow": Fault(wait_seconds=5.0),
    },
    "the organisation changes before the response": {
        "insert": Fault(does=Organisation.insert),
        "update": Fault(does=Organisation.update),
        "delete": Fault(does=Organisation.delete),
    },
    "the server ends": {"dies": Fault(dies=True)},
}
"""Faults by name, grouped by what they do."""

CATALOGUE: Mapping[str, Fault] = {name: fault for group in GROUPS.values() for name, fault in group.items()}


def describe() -> str:
    """List all faults, as ``--help`` does."""
    return "\n".join(f"  {', '.join(group)}\n      {effect}" for effect, group in GROUPS.items())
