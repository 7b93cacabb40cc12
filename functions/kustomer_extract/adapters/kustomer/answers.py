"""Reads an answer: it is content, a temporary failure, a key that is not accepted, or a final failure. Pure.

The only part of a body that a message may quote is the API's error `code`, and only if it has the form of one.
Statuses: https://developer.kustomer.com/docs/concepts/errors, read 2026-11-23.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NameResolutionError

from kustomer_extract.adapters.kustomer.content import read_content
from kustomer_extract.errors import BrokenPage, RetryLater, Transient, Unauthorised
from kustomer_extract.transform import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kustomer_extract.adapters.kustomer.content import Content

OK = 200
LIMITED = 429
_UNAUTHORISED = {401, 403}
_MAY_PASS = {408, LIMITED}  # and all from 500 on, except 501
_NOT_IMPLEMENTED = 501
_CODE = re.compile(r"[a-z0-9_-]{1,40}")
_POD = re.compile(rb"\b(?:prod\d+|pod [A-Z0-9]{1,8})\b")  # a key of another region is refused with the names of both


def to_content(body: bytes, headers: Mapping[str, str], *, where: str) -> Content:
    """Read the body of a good answer: ``{"data": [object, ...], ...}``.

    Raises:
        Transient: it is something else. Its final error is `BrokenPage`; or `RetryLater` if its content type is not
            JSON, because then a proxy or the like has answered.
    """
    try:
        content = read_content(body)
    except ValueError as error:
        if "json" not in headers.get("content-type", "json").lower():
            final = RetryLater(f"{where}: the answer is not JSON: is there a proxy, or maintenance?")
            raise Transient(final) from error
        raise Transient(BrokenPage(f"{where}: the body is not JSON, or only a part of it")) from error
    if content is None:
        code = _read_code(_parse(body))
        expected = "an object with a list of objects in `data`"
        raise Transient(BrokenPage(f"{where}: the body is not a page, {expected}{code}"))
    return content


def check_status(status: int, headers: Mapping[str, str], body: bytes, *, where: str) -> None:
    """Accept a good answer; `body` is needed for its error code only.

    Raises:
        Transient, Unauthorised: see these classes.
        BrokenPage: the status is final.
    """
    if status == OK:
        return
    code = _read_code(_parse(body))
    if status in _UNAUTHORISED:
        pods = sorted(set(_POD.findall(body)))
        raise Unauthorised(code, pods=tuple(pod.decode() for pod in pods))
    if status in _MAY_PASS or (status >= requests.codes.server_error and status != _NOT_IMPLEMENTED):
        raise Transient(RetryLater(f"{where}: status {status}{code}"), is_refusal=status == LIMITED)
    hint = "Kustomer refuses this request; if `org` in the configuration is right, report it"
    if status == requests.codes.not_found:
        hint = "Kustomer has nothing there; check `org` in the configuration"
    if requests.codes.multiple_choices <= status < requests.codes.bad_request:
        hint = f"it leads to {_read_host(headers.get('location', ''))}, which is not followed"
    raise BrokenPage(f"{where}: status {status}{code}: {hint}", status_code=status)


def _read_host(address: str) -> str:
    try:
        return urlsplit(address).hostname or "the same host"
    except ValueError:
        return "what is not an address"


def is_unknown_host(error: Exception) -> bool:
    """Tell whether the name of the host could not be resolved."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NameResolutionError)


def describe_outage(error: Exception) -> str:
    """Say why there was no answer, by the kind of the error and without its text."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    kind = type(reason or error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return f"no secure connection ({kind}); if it stays so, this machine does not trust the host's certificate"
    return f"no answer, or only a part of one ({kind})"


def _parse(body: bytes) -> object:
    try:
        return parse_json(body)
    except ValueError:
        return None


def _read_code(content: object) -> str:
    """Find the code in ``{"errors": [{"code": ...}]}``; return " (code)", or an empty text."""
    errors = content.get("errors") if isinstance(content, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
