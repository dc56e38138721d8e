"""Run the whole service, engines included, on one machine with one command."""
