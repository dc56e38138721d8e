"""A database backend for Django's `ENGINE`; Django looks for it in `base`."""
