"""The steps of a run. They use the ports and know nothing of the outside world."""
