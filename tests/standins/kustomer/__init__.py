"""A sandbox that speaks the two list endpoints of Kustomer, well or badly, as it is told; see README.md."""
