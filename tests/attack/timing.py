"""Whether the time of an answer tells what its text does not."""

import time
from collections.abc import Callable
from itertools import count
from statistics import median

import httpx2

from tests.attack.report import Result
from tests.attack.statistics import rank_test

# Samples are of one kind unless the test says so and their medians differ by this share.
P_MAX = 0.001
SHARE_MAX = 0.05
# Whoever has a revoked key knows that it was one: here the answer's time only must not tell much.
KEYS_SHARE_MAX = 0.1
FORMS = 40
CALLS = 400

addresses = count(1)


class Forms:
    """Sends forms, each from an address of its own: their throttles are not what is measured."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, trust_env=False, timeout=60)
        self._client.cookies.set("csrftoken", "a" * 32)

    def post(self, path: str, **fields: str) -> float:
        number = next(addresses)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        start = time.perf_counter()
        answer = self._client.post(
            path,
            data={"csrfmiddlewaretoken": "a" * 32, **fields},
            headers={"X-Forwarded-For": address},
        )
        seconds = time.perf_counter() - start
        assert answer.status_code in {200, 302}, answer.status_code
        if "sessionid" in self._client.cookies:
            self._client.cookies.delete("sessionid")
        return seconds


def compare(
    name: str,
    times: int,
    known: Callable[[int], float],
    unknown: Callable[[int], float],
    share_max: float = SHARE_MAX,
) -> Result:
    """Take both by turns, and compare."""
    result = Result(f"time: {name}", cases=2 * times)
    for number in range(5):
        known(-number - 1)  # not measured
        unknown(-number - 1)
    first: list[float] = []
    second: list[float] = []
    for number in range(times):
        pair = ((known, first), (unknown, second))
        for take, sample in pair if number % 2 else reversed(pair):
            sample.append(take(number))
    p = rank_test(first, second)
    result.note = f"{median(first) * 1000:.2f} and {median(second) * 1000:.2f} ms, p = {p:.2g}"
    if p < P_MAX and abs(median(first) / median(second) - 1) > share_max:
        result.findings.append(result.note)
    return result


def attack_by_time(
    url: str, known: Callable[[int], str], revoked_key: str, unknown_key: str
) -> list[Result]:
    """Compare addresses that have an account with such that have none, and keys likewise.

    `known` returns the address of an account, another one each time.
    """
    forms = Forms(url)
    password = "not the right one"

    def sign_in(email: str) -> float:
        return forms.post("/sign-in/", login=email, password=password)

    def sign_up(email: str) -> float:
        return forms.post("/sign-up/", email=email, password1="quite a good one")

    def reset(email: str) -> float:
        return forms.post("/forgotten-password/", email=email)

    def unknown(what: str, number: int) -> str:
        return f"{what}-nobody-{number}@example.org"

    def call(key: str) -> Callable[[int], float]:
        client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )

        def ask(_: int) -> float:
            start = time.perf_counter()
            assert client.get("/api/v1/chatbots").status_code == 401
            return time.perf_counter() - start

        return ask

    def by_address(what: str, send: Callable[[str], float]) -> Result:
        return compare(
            f"{what}, known and unknown",
            FORMS,
            lambda number: send(known(number)),
            lambda number: send(unknown(what, number)),
        )

    return [
        by_address("sign-in", sign_in),
        by_address("reset", reset),
        by_address("sign-up", sign_up),
        compare(
            "keys, revoked and unknown",
            CALLS,
            call(revoked_key),
            call(unknown_key),
            KEYS_SHARE_MAX,
        ),
    ]
