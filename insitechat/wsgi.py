"""The WSGI application that gunicorn serves."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "insitechat.settings")
# The settings give a web process a pool of connections to PostgreSQL and short deadlines.
os.environ.setdefault("IS_WEB_PROCESS", "true")

django_application = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer by Django, which leaves the body of a HEAD request's answer to be cut by the server.

    Gunicorn cuts it, and logs a warning each time.
    """
    response = django_application(environ, start_response)
    if environ["REQUEST_METHOD"] == "HEAD":
        response.close()
        return ()
    return response
