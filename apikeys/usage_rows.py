"""What is recorded of keys, and the statements that write it."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection

from core.db import unit_of_work

# Rows are locked in order of their id: processes that record the same keys cannot deadlock.
RECORD_LAST_USE = """
    UPDATE apikeys_apikey
    SET last_used_at = GREATEST(apikeys_apikey.last_used_at, used.at),
        first_used_at = COALESCE(apikeys_apikey.first_used_at, used.at)
    FROM (
        SELECT apikey.id, seen.at
        FROM json_to_recordset(%s) AS seen (id uuid, at timestamptz)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) used
    WHERE apikeys_apikey.id = used.id
"""

RECORD_REJECTIONS = """
    UPDATE apikeys_apikey
    SET rejected_count = apikeys_apikey.rejected_count + rejected.count,
        last_rejected_at = GREATEST(apikeys_apikey.last_rejected_at, rejected.at)
    FROM (
        SELECT apikey.id, seen.count, seen.at
        FROM json_to_recordset(%s) AS seen (id uuid, count bigint, at timestamptz)
        JOIN apikeys_apikey apikey ON apikey.id = seen.id
        ORDER BY apikey.id
        FOR NO KEY UPDATE OF apikey
    ) rejected
    WHERE apikeys_apikey.id = rejected.id
"""

RECORD_CALLS = """
    INSERT INTO apikeys_hourlycalls AS known (api_key_id, hour, status, count, peak)
    SELECT seen.*
    FROM json_to_recordset(%s) AS seen (
        api_key_id uuid, hour timestamptz, status smallint, count bigint, peak integer
    )
    WHERE EXISTS (SELECT FROM apikeys_apikey WHERE id = seen.api_key_id)
    ORDER BY 1, 2, 3
    ON CONFLICT (api_key_id, hour, status) DO UPDATE
    SET count = known.count + EXCLUDED.count, peak = GREATEST(known.peak, EXCLUDED.peak)
"""


class Rejections(NamedTuple):
    """How many attempts with an ended key were refused, and when the latest was."""

    number: int
    latest: datetime


class Answers(NamedTuple):
    """What is counted together: a key's answers of one status in one hour."""

    key_id: uuid.UUID
    hour: datetime
    status: int


class Calls(NamedTuple):
    """How many calls there were, and the most that the key's window held at one of them."""

    number: int
    peak: int


def add_rejections(known: Rejections, new: Rejections) -> Rejections:
    return Rejections(known.number + new.number, max(known.latest, new.latest))


def add_calls(known: Calls, new: Calls) -> Calls:
    return Calls(known.number + new.number, max(known.peak, new.peak))


def write_last_uses(uses: Mapping[uuid.UUID, datetime]) -> None:
    write_rows(RECORD_LAST_USE, ({"id": key_id, "at": at} for key_id, at in uses.items()))


def write_rejections(rejections: Mapping[uuid.UUID, Rejections]) -> None:
    write_rows(
        RECORD_REJECTIONS,
        (
            {"id": key_id, "count": rejected.number, "at": rejected.latest}
            for key_id, rejected in rejections.items()
        ),
    )


def write_calls(calls: Mapping[Answers, Calls]) -> None:
    write_rows(
        RECORD_CALLS,
        (
            {
                "api_key_id": answers.key_id,
                "hour": answers.hour,
                "status": answers.status,
                "count": counted.number,
                "peak": counted.peak,
            }
            for answers, counted in calls.items()
        ),
    )


def write_rows(statement: str, rows: Iterable[dict[str, Any]]) -> None:
    """Execute the statement with its rows as one JSON text, in a unit of work of its own.

    Written by orjson that costs a fraction of what arrays do, whose elements the driver writes one
    by one, in the time of the requests beside it.
    """
    parameter = orjson.dumps(list(rows)).decode()
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(statement, [parameter])
