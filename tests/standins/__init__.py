"""Servers that stand in for the outside: Kustomer and Google Cloud."""
