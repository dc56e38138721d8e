"""(c) The usual Ninja way: ORM look-up, save of the last use, Ninja's throttle on Redis."""
