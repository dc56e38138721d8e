"""Taking turns at a host, so that all crawls of all workers together keep its pace.

Each request takes the next turn by one statement, which makes simultaneous requests queue. A crawl
then waits without a lock or a transaction. One that is killed meanwhile leaves its turn unused, and
blocks nobody.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from chatbots.models import HOST_MAX_LENGTH
from core.jobs import stop_if_asked

STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a host may be asked, by PostgreSQL's clock, and how long that is from now."""

    at: datetime
    wait_seconds: float


TAKE = """
    WITH taken AS (
        INSERT INTO chatbots_crawledhost AS host (name, next_turn_at)
        VALUES (%(name)s, clock_timestamp() + make_interval(secs => %(pause)s))
        ON CONFLICT (name) DO UPDATE
            SET next_turn_at = greatest(host.next_turn_at, clock_timestamp())
                + make_interval(secs => %(pause)s)
        RETURNING next_turn_at - make_interval(secs => %(pause)s) AS turn
    )
    SELECT turn, extract(epoch FROM turn - clock_timestamp()) FROM taken
"""


def take_turn(host: str, pause_seconds: float) -> Turn:
    """Take the next turn at a host, and let the one after it be so much later."""
    name = host.lower().rstrip(".")[:HOST_MAX_LENGTH]
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"name": name, "pause": pause_seconds})
        [(at, wait)] = cursor.fetchall()
    return Turn(at, max(float(wait), 0.0))


def sleep(seconds: float) -> None:
    """Wait so long. Raises JobAborted if the worker stops meanwhile."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        stop_if_asked()
        time.sleep(min(left, STEP_SECONDS))
