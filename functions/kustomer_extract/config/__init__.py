"""The configuration document → `Integration`, all problems at once. Pure: reads nothing, logs nothing.

`document` makes sense of the whole, `columns` of a table's columns, `level` of one map of it, `values` of one value;
`integration` is what comes out.
"""

from kustomer_extract.config.document import may_go_on, parse_integration, restore_integration
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
    "may_go_on",
    "parse_integration",
    "restore_integration",
    "to_document",
    "to_status",
]
