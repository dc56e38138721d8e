"""The shipped gunicorn.conf.py, for a project that is not ours."""

import runpy
from pathlib import Path

shipped = runpy.run_path(str(Path(__file__).parents[2] / "gunicorn.conf.py"))
del shipped["post_worker_init"]  # it prepares our limiter
globals().update({name: value for name, value in shipped.items() if not name.startswith("__")})
wsgi_app = "django.core.wsgi:get_wsgi_application()"
