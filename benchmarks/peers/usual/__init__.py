"""(c) The usual way in Ninja: an ORM look-up, a saved time of last use, Ninja's throttle."""
