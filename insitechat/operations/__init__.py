"""What operators run: local engines, proofs, the demo, health checks, and an account's own data."""
