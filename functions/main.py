"""The function `extract`. It gets a Pub/Sub message; to return acknowledges it, to raise asks for its redelivery.

This module has no other rule. Settings come from the environment, see `kustomer_extract.bootstrap`.
"""

from __future__ import annotations

import functools
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import flask
import functions_framework
from werkzeug.exceptions import MethodNotAllowed, NotFound, ServiceUnavailable

from kustomer_extract.adapters.google.cloud_event import parse_message
from kustomer_extract.adapters.google.logs import CloudLog
from kustomer_extract.bootstrap import Cloud, open_cloud, parse_settings
from kustomer_extract.errors import NeedsPerson, RetryLater, UnreadableMessage
from kustomer_extract.pipeline.run import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudevents.http import CloudEvent


@functools.cache
def _open() -> Cloud:
    """Build the clients once per instance; warm invocations reuse them."""
    settings = parse_settings(os.environ)
    log = CloudLog(project=settings.project)
    log.capture_libraries()
    return open_cloud(settings, log=log)


@contextmanager
def _open_log() -> Iterator[CloudLog]:
    log, headers = CloudLog(project=os.environ.get("GOOGLE_CLOUD_PROJECT", "")), flask.request.headers
    with log.request(headers.get("X-Cloud-Trace-Context"), headers.get("Function-Execution-Id")):
        yield log


@functions_framework.errorhandler(Exception)  # type: ignore[untyped-decorator]  # the framework's gap
def acknowledge_unreadable_request(error: Exception) -> Exception | str:
    """Log and acknowledge a request without an event. The framework would refuse it at each of 30 deliveries, unlogged.

    `extract` itself raises only `ServiceUnavailable`; every other exception here comes from the framework.
    """
    if isinstance(error, ServiceUnavailable | NotFound | MethodNotAllowed):
        return error
    with _open_log() as log:
        log.drop_unreadable(
            f"the request holds no Pub/Sub message with its data and messageId ({type(error).__name__})"
        )
    return "OK"


@functions_framework.cloud_event
def extract(event: CloudEvent) -> None:
    """Run, continue or skip what the message asks for.

    Raises:
        ServiceUnavailable: the message shall be delivered again. The answer is 503, and the framework logs nothing.
    """
    with _open_log() as log:
        try:
            cloud = _open()
            message = parse_message(event.get_data(), event_id=event["id"], event_time=event["time"])
            execute(message, cloud.ports, limits=cloud.limits)
        except UnreadableMessage as error:
            log.drop_unreadable(str(error))
        except NeedsPerson as error:
            log.report_failure(error)
        except RetryLater as error:
            raise ServiceUnavailable from error
        except Exception as error:
            log.report_bug(error)
            raise ServiceUnavailable from error
