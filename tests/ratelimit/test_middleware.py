import re

import pytest
from django.conf import settings
from redis import Redis

from accounts.models import Plan, User
from apikeys.services import CreatedKey, create_api_key
from ratelimit.limiter import limiter_for
from ratelimit.limits import Limit
from tests.conftest import ApiClient, detail


def keys_in_redis(pattern: str = "*") -> set[bytes]:
    with Redis.from_url(settings.REDIS_URL) as client:
        return set(client.scan_iter(pattern))


def window_of(key: CreatedKey) -> int:
    with Redis.from_url(settings.REDIS_URL) as client:
        return int(client.zcard(f"ratelimit:{{{key.api_key.id}}}"))


def use_up(key: CreatedKey, calls: int = 60) -> None:
    limiter = limiter_for(settings.REDIS_URL)
    for _ in range(calls):
        assert limiter.hit(str(key.api_key.id), Limit(60)).allowed


def test_answers_tell_where_the_key_stands(api: ApiClient) -> None:
    first, second = api.get("/chatbots"), api.get("/chatbots")
    assert first.headers["RateLimit-Policy"] == '"default";q=60;w=60'
    assert first.headers["RateLimit"] == '"default";r=59;t=60'
    assert re.fullmatch(r'"default";r=58;t=(60|59)', second.headers["RateLimit"])


def test_the_61st_call_is_refused_to_the_letter(api: ApiClient, alices_key: CreatedKey) -> None:
    use_up(alices_key, 59)
    assert api.get("/chatbots").status_code == 200
    refused = api.get("/chatbots")
    assert refused.status_code == 429
    assert refused.headers["Content-Type"] == "application/json"
    assert refused.content == b'{"detail": "API rate limit exceeded. Max 60 requests per minute."}'
    assert refused.headers["RateLimit-Policy"] == '"default";q=60;w=60'
    assert re.fullmatch(r'"default";r=0;t=(60|59)', refused.headers["RateLimit"])
    assert "Retry-After" not in refused.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/chatbots/00000000-0000-0000-0000-000000000000", 404),
        ("PUT", "/chatbots", 405),
        ("POST", "/chatbots/00000000-0000-0000-0000-000000000000/chat", 400),
    ],
)
def test_other_answers_count_once_and_say_so(
    api: ApiClient, alices_key: CreatedKey, method: str, path: str, status: int
) -> None:
    response = api.request(method, path)
    assert response.status_code == status
    assert response.headers["RateLimit"] == '"default";r=59;t=60'
    assert window_of(alices_key) == 1


def test_refused_calls_take_no_place(api: ApiClient, alices_key: CreatedKey) -> None:
    use_up(alices_key)
    for _ in range(5):
        assert api.get("/chatbots").status_code == 429
    assert window_of(alices_key) == 60


def test_the_limit_comes_before_routing(api: ApiClient, alices_key: CreatedKey) -> None:
    use_up(alices_key)
    assert api.get("/nowhere").status_code == 429


def test_each_key_has_its_own_window(alice: User, alices_key: CreatedKey) -> None:
    use_up(alices_key)
    other = ApiClient(create_api_key(alice, "Second").token.plaintext)
    assert other.get("/chatbots").headers["RateLimit"] == '"default";r=59;t=60'


def test_a_rejected_key_leaves_nothing_in_redis(api: ApiClient, alices_key: CreatedKey) -> None:
    alices_key.api_key.__class__.objects.filter(id=alices_key.api_key.id).revoke()
    for client in (api, ApiClient("ic_unknown"), ApiClient(None)):
        assert client.get("/chatbots").status_code == 401
    assert not keys_in_redis(f"*{alices_key.api_key.id}*")
    assert not keys_in_redis("*unknown*")


def test_a_plans_own_limit_is_held_and_named(
    api: ApiClient, alice: User, alices_key: CreatedKey
) -> None:
    alice.plan = Plan.objects.create(name="Large", requests_per_minute=62)
    alice.save()
    assert api.get("/chatbots").headers["RateLimit-Policy"] == '"default";q=62;w=60'
    use_up(alices_key, 59)
    assert [api.get("/chatbots").status_code for _ in range(3)] == [200, 200, 429]
    refused = api.get("/chatbots")
    assert detail(refused) == "API rate limit exceeded. Max 62 requests per minute."
