"""What an orchestrator asks: does the process live, can it serve."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from ratelimit.limiter import limiter_for


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 for as long as the process serves requests at all."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if both engines answer and the schema is current, else 503 and what lacks."""
    missing = [
        name
        for name, is_there in (
            ("database", database_answers),
            ("migrations", migrations_are_applied),
            ("redis", redis_answers),
        )
        if not is_there()
    ]
    if missing:
        return JsonResponse({"status": "unavailable", "missing": missing}, status=503)
    return JsonResponse({"status": "ok"})


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


def redis_answers() -> bool:
    return limiter_for(settings.REDIS_URL).redis_answers()
