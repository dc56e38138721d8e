"""`make bench-search`: how long searches and chat calls take in a large table.

Many chatbots of 10,000 chunks are made by SQL out of a few thousand random vectors and a Zipf-like
vocabulary. One chatbot after the other is asked, on one connection, as a web process asks: first
when the tables have just been filled and much of them is on the disk only, then when they have been
read once, so that the operating system keeps in memory what it has room for. Before each, every
chatbot is asked once. Chat calls end in the fallback message, since random vectors are close to
nothing.
"""

import argparse
import os
import random
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from insitechat.operations.local.engines import throwaway_engines

CHUNKS_EACH = 10_000
WORDS = 20_000
# Terms of a chunk, and of a question.
TERMS_EACH = 60
QUESTION_TERMS = 7

POOL = """
    CREATE UNLOGGED TABLE pool AS
    SELECT number, l2_normalize(vector::vector(384)::halfvec) AS vector
    FROM (
        SELECT number, array_agg(random(-1.0, 1.0)) AS vector
        FROM generate_series(0, 1999) AS number, generate_series(1, 384) GROUP BY number
    ) AS drawn
"""
VECTORS = """
    INSERT INTO chatbots_chunkvectors (
        index_id, chunk_id, page_id, length, whole, heading
    )
    SELECT %(index)s, %(first)s + chunk.number, %(index)s, 60, a.vector,
        CASE WHEN chunk.number %% 10 = 0 THEN b.vector END
    FROM generate_series(1, %(chunks)s) AS chunk (number)
    JOIN pool AS a ON a.number = chunk.number %% 2000
    JOIN pool AS b ON b.number = chunk.number * 7 %% 2000
"""
SENTENCES = """
    INSERT INTO chatbots_sentencevectors (index_id, chunk_id, page_id, windows, vectors)
    SELECT %(index)s, %(first)s + chunk.number, %(index)s, array[b.vector, a.vector], array[
        a.vector, b.vector, a.vector, b.vector, a.vector, b.vector
    ]
    FROM generate_series(1, %(chunks)s) AS chunk (number)
    JOIN pool AS a ON a.number = chunk.number %% 2000
    JOIN pool AS b ON b.number = chunk.number * 7 %% 2000
"""
POSTINGS = """
    INSERT INTO chatbots_posting (index_id, chunk_id, page_id, term, frequency, length)
    SELECT %(index)s, %(first)s + chunk.number, %(index)s,
        translate(floor(power(random(), 3) * %(words)s)::int::text, '0123456789', 'bcdfghjklm'),
        1, 60
    FROM generate_series(1, %(chunks)s) AS chunk (number), generate_series(1, %(terms)s)
    ON CONFLICT DO NOTHING
"""
# All that searches read.
READ = """
    SELECT pg_size_pretty(sum(pg_prewarm(relation, 'read') * 8192))
    FROM (
        SELECT unnest(array[
            'chatbots_posting_pkey', 'chatbots_chunkvectors', 'chatbots_chunkvectors_pkey',
            'chatbots_sentencevectors', 'chatbots_sentencevectors_pkey'
        ]::regclass[])
        UNION ALL
        SELECT reltoastrelid::regclass FROM pg_class
        WHERE oid = 'chatbots_sentencevectors'::regclass
    ) AS of_searches (relation)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--buffers", default="2GB", help="PostgreSQL's shared_buffers")
    arguments = parser.parse_args()
    with throwaway_engines(arguments.buffers) as environment:
        os.environ.update(
            environment,
            DJANGO_SETTINGS_MODULE="insitechat.settings",
            PUBLIC_URL="http://127.0.0.1",
        )
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        indexes = fill(arguments.chunks // CHUNKS_EACH)
        call = caller(indexes[0].chatbot.owner)
        print("just filled:")
        measure(indexes, arguments.questions, call)
        print(f"with the {read_all()} that searches read in memory, if there is room:")
        measure(indexes, arguments.questions, call)
        from apikeys.usage import recorder

        recorder.write()  # while there is a database


def fill(chatbots: int) -> list[Any]:
    """Make the chatbots, and return their indexes."""
    from django.db import connection

    from accounts.models import User
    from chatbots.embedding import minilm
    from chatbots.models import Chatbot, SearchIndex
    from chatbots.retrieval.analysis import ANALYSER

    owner = User.objects.create_user("owner@example.org")
    indexes = []
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(POOL)
        for number in range(chatbots):
            name = f"chatbot-{number}"
            index = SearchIndex.objects.create(
                chatbot=Chatbot.objects.create(owner=owner, name=name, slug=name),
                embedder=minilm.ID,
                analyser=ANALYSER,
                languages=["en"],
                is_live=True,
            )
            parameters = {
                "index": index.pk,
                "first": number * CHUNKS_EACH,
                "chunks": CHUNKS_EACH,
                "words": WORDS,
                "terms": TERMS_EACH,
            }
            for statement in (VECTORS, SENTENCES, POSTINGS):
                cursor.execute(statement, parameters)
            indexes.append(index)
        cursor.execute("VACUUM ANALYZE chatbots_posting, chatbots_chunkvectors")
        cursor.execute("CHECKPOINT")
        cursor.execute(
            "SELECT pg_size_pretty(sum(pg_total_relation_size(c))) FROM unnest(array["
            "'chatbots_posting', 'chatbots_chunkvectors', 'chatbots_sentencevectors'"
            "]::regclass[]) AS c"
        )
        print(
            f"{chatbots * CHUNKS_EACH:,} chunks, {cursor.fetchone()[0]}, "
            f"made in {time.perf_counter() - began:.0f} s"
        )
    return indexes


def read_all() -> str:
    """Read what searches read from the disk, and return how much that is."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION pg_prewarm")
        cursor.execute(READ)
        [size] = cursor.fetchone()
        return str(size)


def measure(indexes: list[Any], questions: int, call: Callable[[Any, str], None]) -> None:
    from chatbots.retrieval.search import Question, rank

    chance = random.Random(0)
    searches, calls = [], []
    for number in range(len(indexes) + questions):
        index = indexes[number % len(indexes)]
        began = time.perf_counter()
        rank(Question.of(index, text(chance)), index.chatbot_id)
        searched = time.perf_counter()
        call(indexes[(number + len(indexes) // 2) % len(indexes)].chatbot_id, text(chance))
        searches.append((searched - began) * 1000)
        calls.append((time.perf_counter() - searched) * 1000)
    for name, milliseconds in (("search", searches), ("chat call", calls)):
        settled = milliseconds[len(indexes) :]
        print(
            f"{name}: p50 {median(settled):.1f} ms, p95 {quantiles(settled, n=20)[-1]:.1f} ms, "
            "embedding of the question included"
        )


def caller(owner: Any) -> Callable[[Any, str], None]:
    """Return a function that chats through the whole service but its server and the network."""
    from django.test import Client

    from accounts.models import Plan
    from apikeys.services import create_api_key

    owner.plan = Plan.objects.create(
        name="Unlimited", requests_per_minute=1_000_000, monthly_messages=1_000_000
    )
    owner.save()
    key = create_api_key(owner, "Benchmark").token.plaintext
    client = Client(headers={"authorization": f"Bearer {key}", "host": "127.0.0.1"})

    def call(chatbot_id: Any, message: str) -> None:
        path = f"/api/v1/chatbots/{chatbot_id}/chat"
        response = client.post(path, {"message": message}, content_type="application/json")
        if response.status_code != 200:
            raise RuntimeError(f"{path} answers {response.status_code}")

    return call


def text(chance: random.Random) -> str:
    return " ".join(word(int(chance.random() ** 3 * WORDS)) for _ in range(QUESTION_TERMS))


def word(number: int) -> str:
    """Return the number in letters that no stemmer cuts and no identifier has."""
    return str(number).translate(str.maketrans("0123456789", "bcdfghjklm"))


if __name__ == "__main__":
    main()
