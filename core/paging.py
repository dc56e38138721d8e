"""Lists by the page: `?limit=` asks for so many rows, and a Link header leads to those after them.

A page starts after a row's position, not at an offset, so that rows which are added or deleted in
the meantime neither repeat others nor hide them.
"""

import re
import struct
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse

LIMIT = re.compile("[1-9][0-9]?|100")
CURSOR = re.compile("[A-Za-z0-9_-]{32}")
LAYOUT = struct.Struct(">q16s")  # 24 bytes: base64 of them needs no padding
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# What an operation that calls `paginate` adds to its description in the OpenAPI document.
OPENAPI: dict[str, Any] = {
    "parameters": [
        {
            "in": "query",
            "name": "limit",
            "description": "Answer this many at most. Without it the answer is the whole list.",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "maximum": 100},
        },
        {
            "in": "query",
            "name": "after",
            "description": "Start after a page; the Link header of that page has it.",
            "required": False,
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        200: {
            "headers": {
                "Link": {
                    "description": "Where the next page is; absent on the last one.",
                    "schema": {
                        "type": "string",
                        "examples": [
                            "<https://chat.example.org/api/v1/chatbots?limit=50&after=AAZN…>; "
                            'rel="next"'
                        ],
                    },
                }
            }
        }
    },
}


class InvalidParameter(ValueError):
    """A parameter of the query does not fit. The text names it and is safe to show."""


class Position(NamedTuple):
    """Where a row stands in a list that is ordered by age."""

    created_at: datetime
    id: uuid.UUID


class Page(NamedTuple):
    """The part of a list that a request asks for; None stands for no limit, or for its start."""

    limit: int | None
    after: Position | None


Row = TypeVar("Row", bound=Model)


def paginate(rows: QuerySet[Row], request: HttpRequest, response: HttpResponse) -> Iterable[Row]:
    """Return the part of the rows that the request asks for, which is all where it says nothing.

    Sets the Link header of the response where more rows follow. The rows are in the order of their
    model: by `created_at` and `id`, both ascending or both descending. Raises InvalidParameter.
    """
    page = read_page(request.GET)
    rows = rows_after(rows, page.after) if page.after else rows
    if page.limit is None:
        return rows
    found = list(rows[: page.limit + 1])
    if len(found) > page.limit:
        found.pop()
        query = urlencode({"limit": page.limit, "after": encode_cursor(position_of(found[-1]))})
        response["Link"] = f'<{settings.PUBLIC_URL}{request.path}?{query}>; rel="next"'
    return found


def is_paged(request: HttpRequest) -> bool:
    """Say whether the request asks for a part of a list; without a query this costs nothing."""
    has_query = bool(request.META.get("QUERY_STRING"))
    return has_query and any(name in request.GET for name in Page._fields)


def rows_after(rows: QuerySet[Row], position: Position) -> QuerySet[Row]:
    is_descending = "-created_at" in (rows.model._meta.ordering or ())
    beyond = "lt" if is_descending else "gt"
    later = Q(**{f"created_at__{beyond}": position.created_at})
    beside = Q(**{"created_at": position.created_at, f"id__{beyond}": position.id})
    # The first condition follows from the others; an index can start at it.
    return rows.filter(Q(**{f"created_at__{beyond}e": position.created_at}), later | beside)


def position_of(row: Any) -> Position:
    return Position(row.created_at, row.id)


def read_page(query: Mapping[str, str]) -> Page:
    """Read the parameters of a query string. Raises InvalidParameter."""
    limit, after = query.get("limit"), query.get("after")
    if limit is not None and not LIMIT.fullmatch(limit):
        raise InvalidParameter("limit: has to be a whole number from 1 to 100")
    try:
        position = None if after is None else decode_cursor(after)
    except ValueError:
        raise InvalidParameter("after: has to come from the Link header of a page") from None
    return Page(None if limit is None else int(limit), position)


def encode_cursor(position: Position) -> str:
    microseconds = (position.created_at - EPOCH) // MICROSECOND
    return urlsafe_b64encode(LAYOUT.pack(microseconds, position.id.bytes)).decode()


def decode_cursor(cursor: str) -> Position:
    """Return the position that a cursor was made from. Raises ValueError for any other text."""
    if not CURSOR.fullmatch(cursor):
        raise ValueError("not a cursor")
    microseconds, row_id = LAYOUT.unpack(urlsafe_b64decode(cursor))
    try:
        return Position(EPOCH + microseconds * MICROSECOND, uuid.UUID(bytes=row_id))
    except OverflowError as error:
        raise ValueError("not a cursor") from error
