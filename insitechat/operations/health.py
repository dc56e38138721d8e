"""What an orchestrator asks: does the process live, can it serve."""

from dataclasses import asdict, dataclass

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from core.heartbeats import is_worker_running
from core.http import Handler, client_address
from ratelimit.limiter import limiter_for

DOCTOR_HEADER = "X-InsiteChat-Doctor"


def health_checks(get_response: Handler) -> Handler:
    """Django middleware that answers probes, which name any host, before anybody looks at it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return healthz(request)
        if request.path_info == "/readyz":
            return readyz()
        return get_response(request)

    return middleware


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 for as long as the process serves requests at all.

    The doctor, who knows the secret key, is told what proxies have made of its request.
    """
    if is_from_doctor(request.headers.get(DOCTOR_HEADER, "")):
        return JsonResponse({"status": "ok", "seen": asdict(seen(request))})
    return JsonResponse({"status": "ok"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service makes of a request: where it comes from, and by which proxies."""

    host: str
    is_secure: bool
    address: str | None
    forwarded: list[str]


def seen(request: HttpRequest) -> Seen:
    return Seen(
        host=request.headers.get("Host", ""),
        is_secure=request.is_secure(),
        address=client_address(request),
        forwarded=[
            entry.strip()
            for entry in request.headers.get("X-Forwarded-For", "").split(",")
            if entry.strip()
        ],
    )


def doctor_signature() -> str:
    """Return the value of DOCTOR_HEADER, which is good for a minute."""
    return TimestampSigner(salt=DOCTOR_HEADER).sign("doctor")


def is_from_doctor(signature: str) -> bool:
    try:
        TimestampSigner(salt=DOCTOR_HEADER).unsign(signature, max_age=60)
    except BadSignature:
        return False
    return True


def readyz() -> JsonResponse:
    """Answer 200 if requests can be served, else 503 and what is missing.

    Without Redis or a worker they are served too, so these are only listed as degraded.
    """
    missing = what_is_missing()
    if missing is not None:
        return JsonResponse({"status": "unavailable", "missing": [missing]}, status=503)
    degraded = [
        name
        for name, is_well in (
            ("redis", limiter_for(settings.REDIS_URL).redis_answers()),
            ("worker", is_worker_running()),
        )
        if not is_well
    ]
    return JsonResponse({"status": "ok"} | ({"degraded": degraded} if degraded else {}))


def what_is_missing() -> str | None:
    """Name what keeps requests from being served; chats and sign-ins need a writable database."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            is_read_only = cursor.fetchone() == ("on",)
    except DatabaseError:
        return "database"
    if is_read_only:
        return "writable database"
    return None if migrations_are_applied() else "migrations"


def migrations_are_applied() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False
