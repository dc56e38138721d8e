"""The list of an account's chatbots as JSON, by one prepared statement."""

import uuid

from core.statements import Statement

LIST = Statement(
    "list_chatbots",
    """
    SELECT coalesce(json_agg(listed), '[]')::text
    FROM (
        SELECT
            id,
            name,
            slug,
            provider,
            is_active,
            to_char(
                chatbot.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
            ) AS created_at
        FROM chatbots_chatbot chatbot
        WHERE owner_id = $1 AND deleted_at IS NULL
        ORDER BY chatbot.created_at, id
    ) listed
    """,
)


def list_as_json(owner_id: uuid.UUID) -> bytes:
    """Return the owner's chatbots as the API's JSON array, oldest first.

    They are the rows of ChatbotQuerySet.owned_by, serialised by PostgreSQL. This endpoint is called
    most, and the ORM would cost ten times as much as the statement. An account may have thousands
    of chatbots; here they never become Python objects.
    """
    row = LIST.fetch(owner_id.bytes)
    array: bytes = row[0] if row else b"[]"
    return array
