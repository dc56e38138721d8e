"""The environment variables that the project reads: declared once, checked at the start."""
