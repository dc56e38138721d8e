"""Reading pages and files, of whatever format, as documents.

Files come from strangers. `sandbox` is the door: it reads them in a process of its own. Everything
else here runs in that process, and imports neither Django nor anything that knows of it.
"""
