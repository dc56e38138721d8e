"""What an orchestrator asks: does the process live, can it serve."""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from insitechat.lending import lend_connection
from ratelimit.limiter import limiter_for

Handler = Callable[[HttpRequest], HttpResponse]


def health_checks(get_response: Handler) -> Handler:
    """Django middleware that answers probes, which name any host, before anybody looks at it."""
    ready = lend_connection(lambda _: readyz())

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return healthz()
        if request.path_info == "/readyz":
            try:
                return ready(request)
            except OperationalError:  # no connection has become free
                return unavailable(["database"])
        return get_response(request)

    return middleware


def healthz() -> JsonResponse:
    """Answer 200 for as long as the process serves requests at all."""
    return JsonResponse({"status": "ok"})


def readyz() -> JsonResponse:
    """Answer 200 if both engines answer and the schema is current, else 503 and what lacks."""
    missing = []
    if not database_answers():
        missing.append("database")
    elif not migrations_are_applied():
        missing.append("migrations")
    if not limiter_for(settings.REDIS_URL).redis_answers():
        missing.append("redis")
    if missing:
        return unavailable(missing)
    return JsonResponse({"status": "ok"})


def unavailable(missing: list[str]) -> JsonResponse:
    return JsonResponse({"status": "unavailable", "missing": missing}, status=503)


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return False
    return True


def migrations_are_applied() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False
