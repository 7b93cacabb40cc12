"""The outside world, a room per neighbour; vendors' names and errors stop here."""
