"""How the cost of a request grows with stored data, open connections and slow chats."""

import http.server
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from django.db import connection
from django.utils import timezone

from accounts.models import Plan, User
from apikeys.models import ApiKey
from apikeys.services import create_api_key
from benchmarks import wrk
from benchmarks.accounts_and_keys import ACCOUNTS, BATCH, Fields
from benchmarks.engines import Engines
from benchmarks.rounds import measure_round
from benchmarks.servers import PATH, Project, Server, serving
from benchmarks.wrk import Load
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from insitechat.operations import proof
from ratelimit.redis_window import KEY, SCRIPT, SCRIPT_SHA

SECONDS = 4
OURS = Project("insitechat.settings", is_ours=True)
KEYS = (1_000, 100_000, 1_000_000)
TEN_MILLION = 10_000_000
KEYS_PER_ACCOUNT = 5
WINDOWS = (100, 1_000, 10_000, 100_000)
CALLS_PER_WINDOW = 59
PROBED_WINDOWS = 2000
CHATBOTS = (1, 10, 100, 1_000, 2_000)
WORKERS = (1, 2, 4)
IDLE_CONNECTIONS = 1_000
SLOW_CHATS = 200
ROUNDS = 5
PROVIDER_SECONDS = 45
SETTLE_SECONDS = 2

Lines = Iterator[str]


def curves(
    engines: Engines, fields: Fields, *, ten_million: bool
) -> Mapping[str, Callable[[], Lines]]:
    """Return the curves by name. What one of them stores is still there for the next."""
    return {
        "workers": partial(by_workers, fields),
        "idle": partial(beside_idle_connections, fields),
        "slow": partial(beside_slow_chats, fields),
        "chatbots": partial(by_chatbots, fields),
        "windows": partial(by_windows, engines),
        "keys": partial(by_keys, engines, fields, (*KEYS, *([TEN_MILLION] if ten_million else []))),
    }


def by_keys(engines: Engines, fields: Fields, sizes: tuple[int, ...]) -> Lines:
    """Measure with a growing table of keys, few of which are in use."""
    file = fields.file("keys", fields.ours[: min(sizes)])
    with engines.postgres.connect("insitechat") as database:
        # The smallest table holds the used keys only. The other accounts and chatbots stay.
        database.execute("SET session_replication_role = replica")
        database.execute(
            "DELETE FROM apikeys_apikey WHERE digest <> ALL(%s)", [used_digests(fields, sizes)]
        )
    for size in sizes:
        add_keys(engines, size)
        with serving(OURS) as server:
            fire_checked(server, file, 2)
            figures = measure_round(server, file, SECONDS)
        yield (
            f"{size:>10,} keys  {figures.per_second:6.0f} req/s  CPU {figures.cpu:5.0f} µs  "
            f"p50 {figures.p50 / 1000:5.1f} ms  p99 {figures.p99 / 1000:5.1f} ms"
        )


def used_digests(fields: Fields, sizes: tuple[int, ...]) -> list[bytes]:
    from apikeys import tokens

    return [tokens.digest(line.split()[-1]) for line in fields.ours[: min(sizes)]]


def add_keys(engines: Engines, size: int) -> None:
    """Fill the tables of accounts and keys up with copies of a row, with triggers disabled."""
    with engines.postgres.connect("insitechat") as database:
        database.execute("SET session_replication_role = replica")
        for model, rows, values in (
            (
                User,
                size // KEYS_PER_ACCOUNT,
                {"id": "md5('account' || n)::uuid", "email": "n || '@filler.example.org'"},
            ),
            (
                ApiKey,
                size,
                {
                    "id": "gen_random_uuid()",
                    "digest": "sha256(uuid_send(gen_random_uuid()))",
                    "owner_id": f"md5('account' || n / {KEYS_PER_ACCOUNT})::uuid",
                },
            ),
        ):
            columns = [str(field.column) for field in model._meta.concrete_fields]
            selected = ", ".join(values.get(column, f"template.{column}") for column in columns)
            table = model._meta.db_table
            row = database.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert row is not None
            database.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {selected} FROM generate_series({row[0]}, {rows - 1}) n, "
                f"(SELECT * FROM {table} LIMIT 1) template"
            )
        database.execute("RESET session_replication_role")
        database.execute("VACUUM ANALYZE accounts_user, apikeys_apikey")


def by_windows(engines: Engines) -> Lines:
    """Measure the script beside a growing number of full windows, in the engine and from here."""
    with engines.redis() as client:
        client.script_load(SCRIPT)
        client.flushdb()
        empty = client.info("memory")["used_memory"]
        for size in WINDOWS:
            fill_windows(engines, size)
            bytes_per_window = (client.info("memory")["used_memory"] - empty) / size
            client.config_resetstat()
            started = time.perf_counter()
            for number in range(PROBED_WINDOWS):
                key = KEY % f"busy-{number * 7919 % size}"
                client.evalsha(SCRIPT_SHA, 1, key, 60, 60)
            seconds = time.perf_counter() - started
            engine_microseconds = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
            yield (
                f"{size:>10,} windows  {seconds / PROBED_WINDOWS * 1e6:5.0f} µs a call, "
                f"{engine_microseconds:5.1f} µs of it in the engine  "
                f"{bytes_per_window:6.0f} bytes per window"
            )


def fill_windows(engines: Engines, size: int) -> None:
    """Write that many windows with room for one call, in the format of the script."""
    now = int(time.time() * 1_000_000)
    calls = {str(now - number * 1000): now - number * 1000 for number in range(CALLS_PER_WINDOW)}
    with engines.redis() as client:
        for batch in batches(size, 1000):
            pipeline = client.pipeline(transaction=False)
            for number in batch:
                key = KEY % f"busy-{number}"
                pipeline.delete(key)
                pipeline.zadd(key, calls)
                pipeline.pexpire(key, 600_000)
            pipeline.execute()


def batches(size: int, step: int) -> Iterator[range]:
    return (range(start, min(start + step, size)) for start in range(0, size, step))


def by_chatbots(fields: Fields) -> Lines:
    """Measure accounts with a growing number of chatbots."""
    plan, _ = Plan.objects.get_or_create(name="Unlimited", requests_per_minute=100_000)
    with serving(OURS) as server:
        for size in CHATBOTS:
            owner = User.objects.create_user(f"owner-of-{size}@example.org", plan=plan)
            Chatbot.objects.bulk_create(
                (
                    Chatbot(owner=owner, name=f"Chatbot {number}", slug=f"chatbot-{number}")
                    for number in range(size)
                ),
                BATCH,
            )
            key = create_api_key(owner, "Benchmark").token.plaintext
            file = fields.file("large", [f"Authorization: Bearer {key}"])
            load = fire_checked(server, file, 1)
            figures = measure_round(server, file, SECONDS)
            yield (
                f"{size:>6,} chatbots  {figures.per_second:6.0f} req/s  CPU {figures.cpu:6.0f} µs  "
                f"p99 {figures.p99 / 1000:6.1f} ms  {load.bytes / load.requests / 1024:7.1f} KiB"
            )


def by_workers(fields: Fields) -> Lines:
    file = keys_file(fields)
    for workers in WORKERS:
        with serving(OURS, workers=workers) as server:
            fire_checked(server, file, 2, connections=16)
            load = fire_checked(server, file, SECONDS, connections=16)
        yield f"{workers} workers  {describe(load)}"


def beside_idle_connections(fields: Fields) -> Lines:
    """Measure without other connections, then beside many that are open and idle."""
    file = keys_file(fields)
    with serving(OURS, workers=2) as server, ExitStack() as stack:
        fire_checked(server, file, 2)
        yield f"alone            {describe(fire_checked(server, file, SECONDS))}"
        for _ in range(IDLE_CONNECTIONS):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            idle.recv(1024)
        load = wrk.fire(server.url, file, seconds=SECONDS)
        yield f"beside {IDLE_CONNECTIONS:,} idle {describe(load)}"


def beside_slow_chats(fields: Fields) -> Lines:
    """Measure lists alone, then while many chats wait for a slow provider."""
    file = keys_file(fields)
    with slow_provider() as provider:
        project = Project(
            OURS.settings,
            is_ours=True,
            environment={
                "OLLAMA_BASE_URL": f"http://127.0.0.1:{provider.server_port}",
                "PROVIDER_TIMEOUT_SECONDS": "60",
            },
        )
        with serving(project, workers=2) as server:
            fire_checked(server, file, 2)
            alone = rounds(server, file)
            call = chat_call()
            with ThreadPoolExecutor(SLOW_CHATS) as pool:
                chats = [pool.submit(proof.send_once, server.port, call) for _ in range(SLOW_CHATS)]
                wait_until_settled(provider)
                beside = rounds(server, file)
                received = provider.received
                provider.release.set()
                answered = sum(chat.result() == 200 for chat in chats)
            after = rounds(server, file)
    for when, loads in (("alone", alone), (f"beside {SLOW_CHATS} chats", beside), ("after", after)):
        for load in loads:
            yield f"{when:<16} {describe(load)}"
    yield f"{received} chats reached the provider, {answered} were answered in the end"
    if all(load.requests and not load.timeouts for load in beside):
        ratio = p99(beside) / p99([*alone, *after])
        yield f"the median p99 is {ratio:.1f} times that without the chats (target 1.5)"
    else:
        yield "lists starved: some were not answered, or not in time"


def rounds(server: Server, file: Path) -> list[Load]:
    return [wrk.fire(server.url, file, seconds=SECONDS) for _ in range(ROUNDS)]


def p99(loads: Sequence[Load]) -> float:
    return median(load.p99 for load in loads)


class SlowProvider(http.server.ThreadingHTTPServer):
    """A provider with Ollama's protocol that answers after PROVIDER_SECONDS or when released."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowAnswers)
        self.release = threading.Event()
        self.received = 0


def wait_until_settled(provider: SlowProvider) -> None:
    """Return once chats wait for the provider and their number has stopped growing."""
    received = -1
    while received < 1 or received < provider.received:
        received = provider.received
        time.sleep(SETTLE_SECONDS)


class SlowAnswers(http.server.BaseHTTPRequestHandler):
    server: SlowProvider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received += 1
        self.server.release.wait(PROVIDER_SECONDS)
        body = b'{"message": {"content": "Yes."}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def slow_provider() -> Iterator[SlowProvider]:
    provider = SlowProvider()
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    try:
        yield provider
    finally:
        provider.release.set()
        provider.shutdown()
        provider.server_close()


def chat_call() -> proof.Call:
    """Return a question to a chatbot on the slow provider, of an account with high limits."""
    plan, _ = Plan.objects.update_or_create(
        name="Chatty", defaults={"requests_per_minute": 100_000, "monthly_messages": 1_000_000}
    )
    owner = User.objects.create_user(f"{uuid.uuid4()}@example.org", plan=plan)
    chatbot = Chatbot.objects.create(
        owner=owner,
        name="Slow",
        slug="slow",
        provider=Chatbot.Provider.OLLAMA,
        created_at=timezone.now(),
    )
    add_text_source(chatbot, "Returns", "You can return any item within 30 days of delivery.")
    key = create_api_key(owner, "Benchmark").token.plaintext
    connection.close()
    return proof.Call(
        "POST",
        f"{PATH}/{chatbot.id}/chat",
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        '{"message": "Within how many days can I return an item?"}',
    )


def keys_file(fields: Fields) -> Path:
    return fields.file("ours", fields.ours[:ACCOUNTS])


def fire_checked(server: Server, file: Path, seconds: int, *, connections: int = 8) -> Load:
    load = wrk.fire(server.url, file, seconds=seconds, connections=connections)
    wrk.check(load, refused=False)
    return load


def describe(load: Load) -> str:
    failed = f"  {load.timeouts} timeouts" if load.timeouts or load.broken else ""
    return (
        f"{load.per_second:6.0f} req/s  p50 {load.p50 / 1000:6.1f} ms  "
        f"p99 {load.p99 / 1000:6.1f} ms{failed}"
    )
