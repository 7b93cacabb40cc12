"""BigQuery as the warehouse. `warehouse.py` implements the port; it uses the other modules."""
