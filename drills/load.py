"""A steady load of which every answer is known."""

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection, HTTPException

from drills import provider
from drills.population import ANSWER, QUESTION, Account, Population

THREADS = 12
PAUSE_SECONDS = 0.3
TIMEOUT_SECONDS = 30.0
OVER_LIMIT = b'{"detail": "API rate limit exceeded. Max 60 requests per minute."}'


class Verdict(Enum):
    """What an answer was; only the first is what a client asked for."""

    GOOD = "good"
    WRONG = "wrong"
    UNAVAILABLE = "503"
    ERROR = "5xx"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """A request and the check of its answer."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    is_right: Callable[[Answer], bool]
    body: str | None = None
    # What needs no engine has to be answered as ever, whatever is away.
    needs_engines: bool = True
    # The provider may be what is away; its failures are answered 502.
    asks_provider: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    call: Call
    verdict: Verdict
    sent_at: float
    ended_at: float
    status: int = 0
    seen: str = ""

    @property
    def seconds(self) -> float:
        return self.ended_at - self.sent_at


class Client:
    """One thread's connection to the service."""

    def __init__(self, ports: Sequence[int], number: int) -> None:
        self._ports = ports
        self._next = number
        self._connection: HTTPConnection | None = None

    def send(self, call: Call) -> Answer:
        """Send a call. Raises OSError or HTTPException where nobody answers.

        As clients do, a GET on a connection that the server has closed meanwhile is sent again.
        """
        if self._connection is None:
            return self._send_anew(call)
        try:
            return self._exchange(call)
        except (OSError, HTTPException):
            self.close()
            if call.method != "GET":
                raise
            return self._send_anew(call)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _send_anew(self, call: Call) -> Answer:
        port = self._ports[self._next % len(self._ports)]
        self._next += 1
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            return self._exchange(call)
        except (OSError, HTTPException):
            self.close()
            raise

    def _exchange(self, call: Call) -> Answer:
        connection = self._connection
        if connection is None:
            raise OSError("not connected")
        connection.request(call.method, call.path, call.body, call.headers)
        response = connection.getresponse()
        answer = Answer(response.status, response.read(), dict(response.getheaders()))
        if response.will_close:
            self.close()
        return answer


class Load:
    """Threads that call the service at a steady pace and judge each answer."""

    def __init__(self, population: Population, ports: Sequence[int]) -> None:
        self.outcomes: list[Outcome] = []
        self._ports = ports
        self._calls = Calls(population)
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[number], daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        client = Client(self._ports, number)
        while not self._stopped.wait(chance.uniform(0, 2 * PAUSE_SECONDS)):
            call = self._calls.draw(chance)
            self.outcomes.append(observe(client, call))
        client.close()


def observe(client: Client, call: Call) -> Outcome:
    sent_at = time.monotonic()
    try:
        answer = client.send(call)
    except (OSError, HTTPException) as error:
        return Outcome(
            call, Verdict.UNANSWERED, sent_at, time.monotonic(), seen=type(error).__name__
        )
    verdict = judge(call, answer)
    seen = "" if verdict is Verdict.GOOD else answer.body[:200].decode(errors="replace")
    return Outcome(call, verdict, sent_at, time.monotonic(), answer.status, seen)


def judge(call: Call, answer: Answer) -> Verdict:
    if answer.status == 503 and call.needs_engines:
        return Verdict.UNAVAILABLE
    if answer.status == 502 and call.asks_provider:
        return Verdict.UNAVAILABLE
    if answer.status >= 500:
        return Verdict.ERROR
    with suppress(ValueError, KeyError, TypeError):
        if call.is_right(answer):
            return Verdict.GOOD
    return Verdict.WRONG


class Calls:
    """Draws calls of every kind; each account calls less often than its limit allows."""

    def __init__(self, population: Population) -> None:
        self._accounts = itertools.cycle(population.accounts)
        self._hot = population.hot
        self._numbers = itertools.count(1)
        self._kinds = (
            [self._list] * 6
            + [self._quote, self._ask, self._page, self._garbage, self._health]
            + [self._exhaust] * 4
        )

    def draw(self, chance: random.Random) -> Call:
        return chance.choice(self._kinds)(next(self._accounts))

    def _list(self, account: Account) -> Call:
        ids = {account.quoting, account.asking}
        return Call(
            "list",
            "GET",
            "/api/v1/chatbots",
            bearer(account.key),
            lambda answer: (
                answer.status == 200
                and {chatbot["id"] for chatbot in json.loads(answer.body)} == ids
            ),
        )

    def _quote(self, account: Account) -> Call:
        return chat("quote", account, account.quoting, QUESTION, ANSWER)

    def _ask(self, account: Account) -> Call:
        number = next(self._numbers)
        return chat(
            "ask", account, account.asking, provider.question(number), provider.answer_to(number)
        )

    def _page(self, account: Account) -> Call:
        return Call(
            "page",
            "GET",
            "/dashboard/developer/api-keys/",
            {"Cookie": f"sessionid={account.session}"},
            lambda answer: answer.status == 200 and account.prefix.encode() in answer.body,
        )

    def _garbage(self, account: Account) -> Call:
        return Call(
            "garbage",
            "GET",
            "/api/v1/chatbots",
            bearer(account.key[:-1] + "!"),
            lambda answer: (answer.status, answer.body) == (401, b'{"detail": "Unauthorized"}'),
            needs_engines=False,
        )

    def _health(self, _: Account) -> Call:
        return Call(
            "health",
            "GET",
            "/healthz",
            {},
            lambda answer: answer.status == 200,
            needs_engines=False,
        )

    def _exhaust(self, _: Account) -> Call:
        return Call(
            "exhaust",
            "GET",
            "/api/v1/chatbots",
            bearer(self._hot.key),
            lambda answer: (
                answer.status == 200 or (answer.status == 429 and answer.body == OVER_LIMIT)
            ),
        )


def chat(kind: str, account: Account, chatbot: str, message: str, expected: str) -> Call:
    return Call(
        kind,
        "POST",
        f"/api/v1/chatbots/{chatbot}/chat",
        {**bearer(account.key), "Content-Type": "application/json"},
        lambda answer: answer.status == 200 and json.loads(answer.body)["response"] == expected,
        body=json.dumps({"message": message, "session_id": "drill"}),
        asks_provider=kind == "ask",
    )


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
