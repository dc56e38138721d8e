"""The API's lists as JSON, each by one prepared statement.

They are the rows of the querysets that pages are made of, serialised by PostgreSQL, which costs a
tenth of what the ORM and a serialiser do. An account may have thousands; here they never become
Python objects.
"""

import uuid

from core.statements import Statement

CHATBOTS = Statement(
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
SOURCES = Statement(
    "list_sources",
    """
    SELECT coalesce(json_agg(listed), '[]')::text
    FROM (
        SELECT
            id,
            type,
            title,
            url,
            status,
            page_count,
            to_char(
                source.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
            ) AS created_at
        FROM chatbots_source source
        WHERE chatbot_id = $1 AND deleted_at IS NULL
        ORDER BY source.created_at DESC, id DESC
    ) listed
    """,
)


def chatbots_as_json(owner_id: uuid.UUID) -> bytes:
    """Return the owner's chatbots (ChatbotQuerySet.owned_by) as a JSON array, oldest first."""
    return array(CHATBOTS, owner_id)


def sources_as_json(chatbot_id: uuid.UUID) -> bytes:
    """Return the chatbot's sources (SourceQuerySet.listed) as a JSON array, newest first."""
    return array(SOURCES, chatbot_id)


def array(statement: Statement, parent_id: uuid.UUID) -> bytes:
    row = statement.fetch(parent_id.bytes)
    rows: bytes = row[0] if row else b"[]"
    return rows
