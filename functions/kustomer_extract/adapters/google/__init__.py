"""Google Cloud without the warehouse: documents, keys, messages and log lines. One module per service."""
