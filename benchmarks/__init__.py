"""Measure what the gate costs and compare it with its peers: `make bench`, see README.md."""
