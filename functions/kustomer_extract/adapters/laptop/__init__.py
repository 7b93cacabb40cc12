"""What a laptop has in place of Google Cloud. The fakes of the tests, too."""
