"""Our own endpoint and stack without the gate: no key look-up, no limit, no time of last use."""
