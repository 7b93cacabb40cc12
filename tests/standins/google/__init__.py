"""Small servers that Google's own client libraries talk to, over their real wire protocols."""
