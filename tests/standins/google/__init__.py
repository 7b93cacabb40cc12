"""Stand-ins for Google's services. Google's own client libraries use them over the real wire protocols."""
