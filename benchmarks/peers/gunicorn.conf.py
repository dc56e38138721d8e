"""The project's own gunicorn.conf.py, adapted to serve a peer."""

import runpy
from pathlib import Path

shipped = runpy.run_path(str(Path(__file__).parents[2] / "gunicorn.conf.py"))
# These prepare our limiter and publish our metrics.
for hook in ("on_starting", "pre_fork", "post_worker_init", "worker_exit", "child_exit"):
    del shipped[hook]
globals().update({name: value for name, value in shipped.items() if not name.startswith("__")})
wsgi_app = "django.core.wsgi:get_wsgi_application()"
