"""BigQuery as the warehouse. `warehouse.py` implements the port; the other modules are what it is made of."""
