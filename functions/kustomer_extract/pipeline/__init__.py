"""What happens in a run. Knows the ports, not the outside world."""
