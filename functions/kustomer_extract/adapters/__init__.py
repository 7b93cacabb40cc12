"""The outside world, one module per system; vendors' names and errors stop here."""
