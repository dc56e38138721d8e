"""The limit under load: real processes, real connections, exact counts."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx2

from accounts.models import User
from apikeys.services import create_api_key
from tests.conftest import Service


def test_400_calls_over_40_connections_give_exactly_60(service: Service) -> None:
    key = create_api_key(User.objects.create_user("a@example.org"), "Load").token.plaintext

    def ten_calls(_: int) -> list[int]:
        with service.client(key) as client:
            return [client.get("/chatbots").status_code for _ in range(10)]

    with ThreadPoolExecutor(40) as pool:
        statuses = Counter(status for some in pool.map(ten_calls, range(40)) for status in some)
    assert statuses == {200: 60, 429: 340}


def test_61_calls_in_a_row(service: Service) -> None:
    key = create_api_key(User.objects.create_user("a@example.org"), "Row").token.plaintext
    with service.client(key) as client:
        answers: list[httpx2.Response] = [client.get("/chatbots") for _ in range(61)]
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    left = [int(answer.headers["RateLimit"].split(";r=")[1].split(";")[0]) for answer in answers]
    assert left == [*range(59, -1, -1), 0]
    assert (
        answers[-1].content == b'{"detail": "API rate limit exceeded. Max 60 requests per minute."}'
    )
