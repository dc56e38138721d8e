"""The security log: an append-only record of what happens to the security of each account."""
