"""Integrations for tests, read from a document with `org`, `status` and a few settings."""

from __future__ import annotations

from datetime import UTC, datetime

from kustomer_extract.config import Integration, parse_integration

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
"""The default start of runs."""


def build_integration(name: str = "acme", /, **settings: object) -> Integration:
    """Read a document of `org`, `status` and these settings."""
    return parse_integration(name, {"org": "acme", "status": "PENDING", **settings}, now=NOW)
