"""Jobs on chatbots."""

import uuid

from chatbots import training
from chatbots.deletion import delete_chatbots, delete_sources
from chatbots.knowledge.reindexing import outdated, reindex
from chatbots.models import Chatbot, CrawledHost, Source
from chatbots.quota import give_back_expired
from core.jobs import job, periodic
from core.retention import delete_in_batches


@periodic("47 * * * *")
def purge_deleted() -> None:
    """Remove the chatbots and sources that were deleted DELETED_KEPT ago.

    They cannot be restored by then, so it does no harm that they are incomplete for a while.
    """
    delete_sources(Source.objects.purgeable())
    delete_chatbots(Chatbot.objects.purgeable())


@periodic("53 * * * *")
def forget_crawled_hosts() -> None:
    delete_in_batches(CrawledHost.objects.idle())


@periodic("*/5 * * * *")
def start_due_syncs() -> None:
    training.start_due_syncs()


@periodic("*/5 * * * *")
def fail_lost_syncs() -> None:
    training.fail_lost_syncs()


@periodic("* * * * *")
def give_back_unanswered_messages() -> None:
    """Uncount messages that nobody answers any more: their process was killed, for one."""
    give_back_expired()


@job(lock="reindex {chatbot_id}", priority=-10)
def reindex_chatbot(chatbot_id: uuid.UUID) -> None:
    reindex(chatbot_id)


@periodic("*/10 * * * *")
def reindex_outdated() -> None:
    """Have the chatbots indexed anew whose index is of a former embedder or analyser."""
    for chatbot_id in outdated():
        reindex_chatbot.enqueue(chatbot_id)
