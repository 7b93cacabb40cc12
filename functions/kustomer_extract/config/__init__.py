"""Turns a configuration document into an `Integration`, and reports all of its problems at once.

Pure: it reads no file and logs nothing.
`document` reads the whole, `columns` the columns of a table, `level` one map, and `values` one value. `integration` has
the result.
"""

from kustomer_extract.config.document import may_continue, parse_integration, restore_integration
from kustomer_extract.config.integration import Integration, TableConfig, config_hash, to_document
from kustomer_extract.config.level import find_nearest
from kustomer_extract.config.values import is_api_key, is_integration_name, to_status

__all__ = [
    "Integration",
    "TableConfig",
    "config_hash",
    "find_nearest",
    "is_api_key",
    "is_integration_name",
    "may_continue",
    "parse_integration",
    "restore_integration",
    "to_document",
    "to_status",
]
