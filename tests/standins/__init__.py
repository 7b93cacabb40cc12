"""Stand-ins: servers that the tests use in place of Kustomer and Google Cloud."""
