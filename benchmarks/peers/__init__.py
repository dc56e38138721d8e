"""One Django project per peer, as small as the documentation of its libraries shows it."""
