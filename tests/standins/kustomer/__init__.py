"""The Kustomer sandbox: a stand-in for Kustomer's API that misbehaves on demand. See README.md."""
