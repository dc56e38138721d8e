"""What this process has counted, for Prometheus to scrape."""
