"""Running the whole service on one machine, engines included, from one command."""
