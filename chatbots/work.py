"""What workers are doing for chatbots: reading sites and files, and learning them.

A sync reads all pages before it learns the first one. Counts and times are those of the step that
it has come to, so that they say what happens now.
"""

import uuid
from collections.abc import Sequence
from functools import cached_property

from django.db import connection

from chatbots.embedding.configured import configured
from chatbots.progress import Progress, Rebuild, Task
from chatbots.retrieval.analysis import ANALYSER

# Pages of an earlier sync that is still live are left out, until the one under way confirms them.
# A file is one page: then its passages are counted.
UNDER_WAY = """
    SELECT
        source.chatbot_id,
        source.id,
        source.status,
        source.cancel_requested_at IS NOT NULL,
        pages.found,
        pages.unread,
        pages.unlearnt,
        pages.newly_learnt,
        (SELECT count(*) FROM chatbots_chunk WHERE page_id = pages.only_page),
        (
            SELECT count(DISTINCT chunk_id)
            FROM chatbots_chunkvectors WHERE page_id = pages.only_page
        ),
        coalesce(extract(epoch FROM clock.now - sync_started_at), 0)::float,
        coalesce(extract(epoch FROM clock.now - coalesce(read_at, sync_started_at)), 0)::float
    FROM (SELECT statement_timestamp() AS now) clock, chatbots_source source
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS found,
            count(*) FILTER (WHERE state = 'found') AS unread,
            count(*) FILTER (WHERE state = 'read') AS unlearnt,
            count(*) FILTER (WHERE state = 'embedded' AND NOT is_live) AS newly_learnt,
            max(checked_at) FILTER (WHERE NOT is_live) AS read_at,
            CASE WHEN count(*) = 1 THEN min(id) FILTER (WHERE state = 'read') END AS only_page
        FROM chatbots_page page
        WHERE page.source_id = source.id
            AND (NOT page.is_live OR page.checked_at >= source.sync_started_at)
    ) pages
    WHERE source.status IN ('pending', 'crawling', 'processing') AND source.deleted_at IS NULL
        AND source.chatbot_id IN ({chatbots})
    ORDER BY source.created_at, source.id
"""
# The embedder or the analyser has changed, and the live index answers until this one is whole.
REBUILT = """
    SELECT
        live.chatbot_id,
        passages.number,
        least(passages.number, learnt.number),
        new.chunks_before,
        coalesce(extract(epoch FROM statement_timestamp() - new.resumed_at), 0)::float
    FROM chatbots_searchindex live
    JOIN chatbots_searchindex new ON new.chatbot_id = live.chatbot_id AND NOT new.is_live
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM chatbots_chunkvectors WHERE index_id = live.id
    ) passages
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM chatbots_chunkvectors WHERE index_id = new.id
    ) learnt
    WHERE live.is_live AND new.embedder = %s AND new.analyser = %s
        AND live.chatbot_id IN ({chatbots})
"""
ONE = "SELECT %s::uuid"
ALL_OF_OWNER = "SELECT id FROM chatbots_chatbot WHERE owner_id = %s AND deleted_at IS NULL"


class Work:
    """What is under way for some chatbots."""

    def __init__(self, tasks: Sequence[Task], rebuilds: Sequence[Rebuild]) -> None:
        self.tasks = tasks
        self.rebuilds = rebuilds

    @cached_property
    def whole(self) -> Progress | None:
        """Return how far all of it has come; None where nothing is under way."""
        return together(self.tasks, self.rebuilds)

    @cached_property
    def rebuilding(self) -> Progress | None:
        """Return how far the rebuilds have come, which belong to no source."""
        return together([], self.rebuilds)

    def on_chatbot(self, chatbot_id: uuid.UUID) -> Progress | None:
        return together(
            [task for task in self.tasks if task.chatbot_id == chatbot_id],
            [rebuild for rebuild in self.rebuilds if rebuild.chatbot_id == chatbot_id],
        )

    def on_source(self, source_id: uuid.UUID) -> Progress | None:
        return together([task for task in self.tasks if task.source_id == source_id], [])


def together(tasks: Sequence[Task], rebuilds: Sequence[Rebuild]) -> Progress | None:
    """Return how far the tasks have come: what the owner asked for goes before rebuilds."""
    if tasks:
        return Progress.of(tasks)
    return Progress.of_rebuilds(rebuilds) if rebuilds else None


def work_for_owner(owner_id: uuid.UUID) -> Work:
    """Return what is under way for the owner's chatbots, by two queries."""
    return read_work(ALL_OF_OWNER, owner_id)


def work_for_chatbot(chatbot_id: uuid.UUID) -> Work:
    """Return what is under way for the chatbot, by two queries."""
    return read_work(ONE, chatbot_id)


def read_work(chatbots: str, of_whom: uuid.UUID) -> Work:
    with connection.cursor() as cursor:
        cursor.execute(UNDER_WAY.format(chatbots=chatbots), [of_whom])
        tasks = [Task(*row) for row in cursor.fetchall()]
        recipe = [configured().id, ANALYSER]
        cursor.execute(REBUILT.format(chatbots=chatbots), [*recipe, of_whom])
        return Work(tasks, [Rebuild(*row) for row in cursor.fetchall()])
