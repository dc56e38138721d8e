"""A worker that learns long texts, and a stranger's list beside it."""

import time

import psutil

from drills.clients import Seen
from drills.drill import Drill, is_machine_busy
from drills.greedy_account import LEAD_SECONDS, listed, median_p99
from drills.processes import DrillFailed, manage
from drills.stage import Stage

ROUNDS = 5
# Some 1.4 is usual on two processors, which the clients use too; of one run it scatters.
P99_RATIO_MAX = 2.0
WORKER_MB_MAX = 400
# Each of these texts takes a worker some ten seconds on a core; it learns several at once.
ADD_TEXTS = """
from chatbots.models import Chatbot
from chatbots.training import add_text
chatbot = Chatbot.objects.get(pk="{chatbot}")
words = [f"word{{number}}" for number in range(997)]
for text in range(12):
    sentences = (
        " ".join(words[(text + 7 * number + place) % 997] for place in range(12)) + "."
        for number in range(3000)
    )
    add_text(chatbot, f"Text {{text}}", "\\n\\n".join(sentences))
"""
UNDER_WAY = "SELECT count(*) FROM chatbots_source WHERE status = 'processing'"


def training(at: Stage) -> None:
    """Measure the list alone, and while texts are learnt. Raises DrillFailed if it takes long."""
    alone = rounds(at, "nothing")
    manage(at.environment, "shell", "-v0", "-c", texts_for(at.population.greedy.account.quoting))
    time.sleep(LEAD_SECONDS)
    beside = rounds(at, "a worker that learns")
    megabytes = worker_megabytes(at)
    with at.postgres.connect("insitechat") as database:
        left = database.execute(UNDER_WAY).fetchone()
    if not left or not left[0]:
        raise DrillFailed("the texts were learnt before the list was measured")
    ratio = median_p99(beside) / median_p99(alone)
    at.notes.append(
        f"a stranger's list took {median_p99(beside):.1f} ms at p99 beside a worker that learns, "
        f"{median_p99(alone):.1f} alone ({ratio:.1f} x); the worker took {megabytes} MB"
    )
    if megabytes > WORKER_MB_MAX or (ratio > P99_RATIO_MAX and not is_machine_busy()):
        raise DrillFailed(at.notes[-1])


def worker_megabytes(at: Stage) -> int:
    if at.worker is None:
        raise DrillFailed("no worker runs")
    resident: int = psutil.Process(at.worker.process.pid).memory_info().rss
    return resident // 2**20


def texts_for(chatbot: str) -> str:
    return ADD_TEXTS.format(chatbot=chatbot)


def rounds(at: Stage, beside: str) -> list[Seen]:
    return [listed(at, beside) for _ in range(ROUNDS)]


DRILLS = [
    Drill(
        "training",
        "a worker that learns long texts",
        training,
        options={"WEB_CONCURRENCY": "1"},
        is_busy=True,
    )
]
