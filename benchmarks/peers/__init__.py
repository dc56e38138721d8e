"""One Django project for each peer, as small as its documentation has it."""
