"""How the cost of a request grows with what is stored, held open and waited for."""

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
from benchmarks.rounds import play
from benchmarks.servers import PATH, Project, Server, serving
from benchmarks.wrk import Load
from chatbots.models import Chatbot
from chatbots.services import add_text_source
from insitechat import proof
from ratelimit.redis_window import KEY, SCRIPT, SCRIPT_SHA

SECONDS = 4
OURS = Project("insitechat.settings", is_ours=True)
KEYS = (1_000, 100_000, 1_000_000)
TEN_MILLION = 10_000_000
KEYS_OF_AN_ACCOUNT = 5
WINDOWS = (100, 1_000, 10_000, 100_000)
CALLS_IN_A_WINDOW = 59
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
    """Return the curves by name; what a curve stores stays for those after it."""
    return {
        "workers": partial(by_workers, fields),
        "idle": partial(beside_idle_connections, fields),
        "slow": partial(beside_slow_chats, fields),
        "chatbots": partial(by_chatbots, fields),
        "windows": partial(by_windows, engines),
        "keys": partial(by_keys, engines, fields, (*KEYS, *([TEN_MILLION] if ten_million else []))),
    }


def by_keys(engines: Engines, fields: Fields, sizes: tuple[int, ...]) -> Lines:
    """Measure with more and more keys in the table, few of them in use."""
    file = fields.file("keys", fields.ours[: min(sizes)])
    with engines.postgres.connect("insitechat") as database:
        # The smallest table has the used ones only; what belongs to the others is left over.
        database.execute("SET session_replication_role = replica")
        database.execute(
            "DELETE FROM apikeys_apikey WHERE digest <> ALL(%s)", [used(fields, sizes)]
        )
    for size in sizes:
        add_keys(engines, size)
        with serving(OURS) as server:
            fire_checked(server, file, 2)
            one = play(server, file, SECONDS)
        yield (
            f"{size:>10,} keys  {one.per_second:6.0f} req/s  CPU {one.cpu:5.0f} µs  "
            f"p50 {one.p50 / 1000:5.1f} ms  p99 {one.p99 / 1000:5.1f} ms"
        )


def used(fields: Fields, sizes: tuple[int, ...]) -> list[bytes]:
    from apikeys import tokens

    return [tokens.digest(line.split()[-1]) for line in fields.ours[: min(sizes)]]


def add_keys(engines: Engines, size: int) -> None:
    """Fill up the tables of accounts and keys, the triggers asleep, copying a row of each."""
    with engines.postgres.connect("insitechat") as database:
        database.execute("SET session_replication_role = replica")
        for model, rows, values in (
            (
                User,
                size // KEYS_OF_AN_ACCOUNT,
                {"id": "md5('account' || n)::uuid", "email": "n || '@filler.example.org'"},
            ),
            (
                ApiKey,
                size,
                {
                    "id": "gen_random_uuid()",
                    "digest": "sha256(uuid_send(gen_random_uuid()))",
                    "owner_id": f"md5('account' || n / {KEYS_OF_AN_ACCOUNT})::uuid",
                },
            ),
        ):
            columns = [str(field.column) for field in model._meta.concrete_fields]
            chosen = ", ".join(values.get(column, f"one.{column}") for column in columns)
            table = model._meta.db_table
            row = database.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert row is not None
            database.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) "
                f"SELECT {chosen} FROM generate_series({row[0]}, {rows - 1}) n, "
                f"(SELECT * FROM {table} LIMIT 1) one"
            )
        database.execute("RESET session_replication_role")
        database.execute("VACUUM ANALYZE accounts_user, apikeys_apikey")


def by_windows(engines: Engines) -> Lines:
    """Measure the script, in the engine and from here, beside more and more full windows."""
    with engines.redis() as client:
        client.script_load(SCRIPT)
        client.flushdb()
        empty = client.info("memory")["used_memory"]
        for size in WINDOWS:
            fill_windows(engines, size)
            each = (client.info("memory")["used_memory"] - empty) / size
            client.config_resetstat()
            started = time.perf_counter()
            for number in range(PROBED_WINDOWS):
                key = KEY % f"busy-{number * 7919 % size}"
                client.evalsha(SCRIPT_SHA, 1, key, 60, 60)
            seconds = time.perf_counter() - started
            inside = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
            yield (
                f"{size:>10,} windows  {seconds / PROBED_WINDOWS * 1e6:5.0f} µs a call, "
                f"{inside:5.1f} µs of it in the engine  {each:6.0f} bytes each"
            )


def fill_windows(engines: Engines, size: int) -> None:
    """Make as many windows that have room for one call, as the script would have."""
    now = int(time.time() * 1_000_000)
    calls = {str(now - number * 1000): now - number * 1000 for number in range(CALLS_IN_A_WINDOW)}
    with engines.redis() as client:
        for some in batches(size, 1000):
            pipeline = client.pipeline(transaction=False)
            for number in some:
                key = KEY % f"busy-{number}"
                pipeline.delete(key)
                pipeline.zadd(key, calls)
                pipeline.pexpire(key, 600_000)
            pipeline.execute()


def batches(size: int, step: int) -> Iterator[range]:
    return (range(start, min(start + step, size)) for start in range(0, size, step))


def by_chatbots(fields: Fields) -> Lines:
    """Measure accounts with more and more chatbots."""
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
            one = play(server, file, SECONDS)
            yield (
                f"{size:>6,} chatbots  {one.per_second:6.0f} req/s  CPU {one.cpu:6.0f} µs  "
                f"p99 {one.p99 / 1000:6.1f} ms  {load.bytes / load.requests / 1024:7.1f} KiB"
            )


def by_workers(fields: Fields) -> Lines:
    file = keys_file(fields)
    for workers in WORKERS:
        with serving(OURS, workers=workers) as server:
            fire_checked(server, file, 2, connections=16)
            load = fire_checked(server, file, SECONDS, connections=16)
        yield f"{workers} workers  {described(load)}"


def beside_idle_connections(fields: Fields) -> Lines:
    """Measure with nobody else there, then with many connections held open and silent."""
    file = keys_file(fields)
    with serving(OURS, workers=2) as server, ExitStack() as stack:
        fire_checked(server, file, 2)
        yield f"alone            {described(fire_checked(server, file, SECONDS))}"
        for _ in range(IDLE_CONNECTIONS):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            idle.recv(1024)
        load = wrk.fire(server.url, file, seconds=SECONDS)
        yield f"beside {IDLE_CONNECTIONS:,} idle {described(load)}"


def beside_slow_chats(fields: Fields) -> Lines:
    """Measure lists alone, then while chats wait for a provider that takes its time."""
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
                held = provider.held
                provider.release.set()
                answered = sum(chat.result() == 200 for chat in chats)
            after = rounds(server, file)
    for when, loads in (("alone", alone), (f"beside {SLOW_CHATS} chats", beside), ("after", after)):
        for load in loads:
            yield f"{when:<16} {described(load)}"
    yield f"{held} chats reached the provider meanwhile, {answered} were answered in the end"
    if all(load.requests and not load.timeouts for load in beside):
        ratio = p99(beside) / p99([*alone, *after])
        yield f"p99 is {ratio:.1f} times that without them, by medians (target 1.5)"
    else:
        yield "lists starve: no answer came, or not in time"


def rounds(server: Server, file: Path) -> list[Load]:
    return [wrk.fire(server.url, file, seconds=SECONDS) for _ in range(ROUNDS)]


def p99(loads: Sequence[Load]) -> float:
    return median(load.p99 for load in loads)


class SlowProvider(http.server.ThreadingHTTPServer):
    """Speaks Ollama's protocol; answers after some seconds, or at once when released."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SlowAnswers)
        self.release = threading.Event()
        self.held = 0


def wait_until_settled(provider: SlowProvider) -> None:
    """Return when chats wait for the provider and for some time no more of them have come."""
    seen = -1
    while seen < 1 or seen < provider.held:
        seen = provider.held
        time.sleep(SETTLE_SECONDS)


class SlowAnswers(http.server.BaseHTTPRequestHandler):
    server: SlowProvider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.held += 1
        self.server.release.wait(PROVIDER_SECONDS)
        body = b'{"message": {"content": "Yes."}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


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
    """Return a question to a chatbot whose provider is slow, without limits in the way."""
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


def described(load: Load) -> str:
    failed = f"  {load.timeouts} timeouts" if load.timeouts or load.broken else ""
    return (
        f"{load.per_second:6.0f} req/s  p50 {load.p50 / 1000:6.1f} ms  "
        f"p99 {load.p99 / 1000:6.1f} ms{failed}"
    )
