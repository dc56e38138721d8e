"""(b) Django Ninja and the ORM in a stock project: no key, no limit."""
