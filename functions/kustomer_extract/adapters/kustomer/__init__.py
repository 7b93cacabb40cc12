"""Kustomer's list endpoints behind the `Source` port: one GET, pace, look-ahead, pages in order."""
