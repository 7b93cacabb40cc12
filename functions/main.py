"""The function `extract`: a Pub/Sub message in; returning acknowledges it, raising asks for its redelivery.

No rule lives here but that one. Settings come from the environment, see `kustomer_extract.bootstrap`.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

import flask
import functions_framework
from werkzeug.exceptions import ServiceUnavailable

from kustomer_extract.adapters.google.cloud_event import parse_message
from kustomer_extract.adapters.google.logs import CloudLog
from kustomer_extract.bootstrap import Cloud, open_cloud, parse_settings
from kustomer_extract.errors import NeedsPerson, RetryLater, Unreadable
from kustomer_extract.pipeline.run import execute

if TYPE_CHECKING:
    from cloudevents.http import CloudEvent


@functools.cache
def _open() -> Cloud:
    """Build the clients once per instance; warm invocations reuse them."""
    settings = parse_settings(os.environ)
    log = CloudLog(project=settings.project)
    log.capture_libraries()
    return open_cloud(settings, log=log)


@functions_framework.cloud_event
def extract(event: CloudEvent) -> None:
    """Run, continue or skip what the message asks for.

    Raises:
        ServiceUnavailable: deliver the message again; answered as 503, without a traceback of the framework's.
    """
    log = CloudLog(project=os.environ.get("GOOGLE_CLOUD_PROJECT", ""))
    headers = flask.request.headers
    with log.request(headers.get("X-Cloud-Trace-Context"), headers.get("Function-Execution-Id")):
        try:
            cloud = _open()
            message = parse_message(event.get_data(), event_id=event["id"], event_time=event["time"])
            execute(message, cloud.ports, limits=cloud.limits)
        except Unreadable as error:
            log.drop_unreadable(str(error))
        except NeedsPerson as error:
            log.report_failure(error)
        except RetryLater as error:
            raise ServiceUnavailable from error
        except Exception as error:
            log.report_bug(error)
            raise ServiceUnavailable from error
