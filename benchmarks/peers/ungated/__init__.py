"""Our own endpoint on our own stack without the gate: no key looked up, no limit, no last use."""
