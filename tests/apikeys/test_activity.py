import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Plan, User
from apikeys.activity import OUTCOMES, Slot, draw_bars, draw_slots, read_peak
from apikeys.jobs import delete_old_hourly_calls, log_expiries
from apikeys.lookup import window_of
from apikeys.models import ApiKey, HourlyCalls
from apikeys.security_events import API_KEY_EXPIRED
from apikeys.services import CreatedKey, create_api_key, log_expired_keys, revoke_api_key
from apikeys.usage import recorder
from apikeys.usage_rows import Answers, Calls, write_calls
from chatbots.models import Chatbot
from core.charts import axis_top
from ratelimit.limiter import limiter_for
from ratelimit.limits import MICROSECONDS, Limit, WindowState
from securitylog.models import SecurityEvent
from securitylog.origin import Actor
from tests.conftest import ApiClient, Service, wait_for

NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def page(key_id: uuid.UUID, query: str = "") -> str:
    return f"/dashboard/developer/api-keys/{key_id}/activity/{query}"


def counts() -> dict[int, int]:
    return {row.status: row.count for row in HourlyCalls.objects.all()}


def test_every_answer_is_counted_by_its_status(
    api: ApiClient, chatbot: Chatbot, alices_key: CreatedKey
) -> None:
    for _ in range(50):
        api.get("/chatbots")
    for _ in range(9):
        api.get("/nowhere")
    assert api.post(f"/chatbots/{chatbot.id}/chat", {}).status_code == 400
    for _ in range(7):
        assert api.get("/chatbots").status_code == 429
    recorder.write()
    assert counts() == {200: 50, 404: 9, 400: 1, 429: 7}
    assert read_peak(alices_key.api_key.id) == 60


def test_counts_of_several_writes_add_up(alices_key: CreatedKey) -> None:
    answers = Answers(alices_key.api_key.id, NOON, 200)
    write_calls({answers: Calls(5, 9)})
    write_calls({answers: Calls(3, 4)})
    row = HourlyCalls.objects.get()
    assert (row.hour, row.count, row.peak) == (NOON, 8, 9)


def test_calls_of_a_deleted_key_are_skipped_and_others_counted(alices_key: CreatedKey) -> None:
    gone = Answers(uuid.uuid4(), NOON, 200)
    write_calls({gone: Calls(1, 1), gone._replace(key_id=alices_key.api_key.id): Calls(1, 1)})
    assert HourlyCalls.objects.get().api_key_id == alices_key.api_key.id


def test_processes_that_count_the_same_keys_do_not_deadlock(
    transactional_db: None,
) -> None:
    owner = User.objects.create_user("a@example.org")
    keys = [create_api_key(owner, str(number)).api_key.id for number in range(5)]

    def write(turn: int) -> None:
        order = keys if turn % 2 else keys[::-1]
        write_calls({Answers(key, NOON, status): Calls(1, 1) for key in order for status in (1, 2)})
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(64)))
    assert {row.count for row in HourlyCalls.objects.all()} == {64}


def test_400_calls_over_40_connections_are_all_counted(service: Service) -> None:
    created = create_api_key(User.objects.create_user("a@example.org"), "x")

    def ten(_: int) -> None:
        with service.client(created.token.plaintext) as client:
            for _ in range(10):
                client.get("/chatbots")

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(ten, range(40)))
    wait_for(lambda: counts() == {200: 60, 429: 340})
    assert max(row.peak for row in HourlyCalls.objects.all()) == 60


def test_old_counts_are_forgotten(alices_key: CreatedKey) -> None:
    recent = timezone.now() - timedelta(days=30)
    for hour in (recent, recent - timedelta(days=2)):
        write_calls({Answers(alices_key.api_key.id, hour, 200): Calls(1, 1)})
    delete_old_hourly_calls()
    assert HourlyCalls.objects.get().hour == recent


@pytest.mark.parametrize(
    ("requests", "seconds", "slots", "size"),
    [
        (3, [], [None, None, None], 1),
        (3, [7, 9], [7, 9, None], 1),
        (3, [7, 8, 9], [7, 8, 9], 1),
        (3, [6, 7, 8, 9], [6, 7, 8, 9], 1),  # the limit was lowered
        (240, [5, 6, 7], [6, 7] + [None] * 118, 2),
        (241, [5, 6, 7], [7] + [None] * 80, 3),
    ],
)
def test_slots_are_drawn_in_the_order_in_which_they_become_free(
    requests: int, seconds: list[int], slots: list[int | None], size: int
) -> None:
    leaves = tuple(second * MICROSECONDS for second in seconds)
    drawn = draw_slots(WindowState(Limit(requests), leaves, is_shared=True))
    assert drawn == ([Slot(seconds) for seconds in slots], size)


def test_waiting_times_are_rounded_up_to_whole_seconds() -> None:
    state = WindowState(Limit(1), (6 * MICROSECONDS + 1,), is_shared=True)
    assert draw_slots(state) == ([Slot(7)], 1)
    assert state.wait_seconds == 7


@pytest.mark.parametrize(("count", "wait"), [(1, 0), (2, 10), (3, 20), (4, 30)])
def test_the_wait_is_for_the_call_that_makes_room(count: int, wait: int) -> None:
    leaves = tuple(10 * MICROSECONDS * (number + 1) for number in range(count))
    assert WindowState(Limit(2), leaves, is_shared=True).wait_seconds == wait


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=len(OUTCOMES), max_size=len(OUTCOMES))))
def test_bars_never_leave_the_chart(columns: list[list[int]]) -> None:
    top = axis_top(max(map(sum, columns), default=0))
    for bars in draw_bars(columns, top):
        for bottom, top in re.findall(r"M\d+ ([\d.]+)V([\d.]+)", bars.path):
            assert 0 <= float(top) < float(bottom) <= 100


def test_bars_are_stacked() -> None:
    answered, limited, _, failed = draw_bars([[1, 0, 0, 1], [3, 1, 0, 0]], top=4)
    assert answered.path == "M0 100V75M1 100V25"
    assert limited.path == "M1 25V0"
    assert failed.path == "M0 75V50"


@pytest.fixture
def peek(alices_key: CreatedKey) -> Callable[[], WindowState]:
    return lambda: limiter_for(settings.REDIS_URL).peek(*window_of(alices_key.api_key.id, 60))


def test_peeking_at_a_window_counts_no_call(
    api: ApiClient, peek: Callable[[], WindowState]
) -> None:
    api.get("/chatbots")
    for _ in range(100):
        state = peek()
    assert len(state.leaves_in_microseconds) == 1
    assert 59 * MICROSECONDS < state.leaves_in_microseconds[0] <= 60 * MICROSECONDS
    assert state.is_shared
    assert api.get("/chatbots").headers["RateLimit"].startswith('"default";r=58')


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def test_the_page_of_a_key_without_calls(browser: Client, alices_key: CreatedKey) -> None:
    shown = text(browser.get(page(alices_key.api_key.id)))
    assert "A call now: allowed. 60 of 60 calls are left" in shown
    assert "No calls in the last 30 days" in shown
    assert "This key has not been used yet." in shown


def test_the_page_of_a_key_at_its_limit(
    browser: Client, api: ApiClient, alices_key: CreatedKey
) -> None:
    for _ in range(62):
        api.get("/chatbots")
    recorder.write()
    response = browser.get(page(alices_key.api_key.id))
    shown = text(response)
    assert re.search(r"A call now: wait (59|60) s\. All 60 calls of the window are used", shown)
    assert "Busiest minute of the last 24 hours: 60 of 60" in shown
    assert "60 × 200, 2 × 429" in shown
    assert len(re.findall(r'class="taken"', response.content.decode())) == 60


def test_the_page_of_a_key_that_has_ended(browser: Client, alices_key: CreatedKey) -> None:
    revoke_api_key(alices_key.api_key.owner_id, str(alices_key.api_key.id))
    assert "A call now: refused. This key has ended." in text(
        browser.get(page(alices_key.api_key.id))
    )


def test_the_page_shows_the_hours_of_a_day(browser: Client, alices_key: CreatedKey) -> None:
    hour = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=2)
    write_calls({Answers(alices_key.api_key.id, hour, 502): Calls(1234, 1)})
    shown = text(browser.get(page(alices_key.api_key.id, f"?day={hour:%Y-%m-%d}")))
    assert "09:000001,2341,234" in shown  # three zeros, then the number and the sum
    assert "1,234 × 502" in shown
    assert f"{hour:%a} {hour.day} {hour:%b}, 09:001,234 failed" in shown


@pytest.mark.parametrize(
    ("span", "columns"), [("", 30), ("span=30d", 30), ("span=7d", 168), ("span=24h", 24)]
)
def test_each_column_of_the_chart_names_its_calls(
    browser: Client, alices_key: CreatedKey, span: str, columns: int
) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    write_calls({Answers(alices_key.api_key.id, hour, 200): Calls(3, 1)})
    shown = browser.get(page(alices_key.api_key.id, f"?{span}")).content.decode()
    assert shown.count("no calls") == columns - 1
    assert shown.count("3 answered") == 1


def test_a_window_is_shown_on_its_own(
    browser: Client, strangers_browser: Client, api: ApiClient, alices_key: CreatedKey
) -> None:
    api.get("/chatbots")
    window = page(alices_key.api_key.id, "window/")
    assert "59 of 60 calls are left" in text(browser.get(window))
    assert strangers_browser.get(window).status_code == 404


@pytest.mark.parametrize("day", ["2026-02-31", "x", "", "1999-01-01"])
def test_the_page_ignores_a_day_that_is_none(
    browser: Client, alices_key: CreatedKey, day: str
) -> None:
    assert browser.get(page(alices_key.api_key.id, f"?day={day}")).status_code == 200


def test_a_stranger_finds_nothing(strangers_browser: Client, alices_key: CreatedKey) -> None:
    assert strangers_browser.get(page(alices_key.api_key.id)).status_code == 404


def test_without_signing_in_there_is_no_page(alices_key: CreatedKey) -> None:
    assert Client().get(page(alices_key.api_key.id)).status_code == 302


def test_the_page_sends_at_most_six_queries(browser: Client, alices_key: CreatedKey) -> None:
    with CaptureQueriesContext(connection) as queries:
        browser.get(page(alices_key.api_key.id))
    assert len(queries) <= 6  # session, user, plan, key, peak, history


def test_the_list_shows_the_calls_of_all_keys_by_one_query(
    browser: Client, alice: User, api: ApiClient, alices_key: CreatedKey
) -> None:
    def queries_of_the_list() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get("/dashboard/developer/api-keys/")
        return len(queries)

    of_one_key = queries_of_the_list()
    write_calls({Answers(alices_key.api_key.id, timezone.now(), 200): Calls(7, 1)})
    for number in range(4):
        create_api_key(alice, str(number))
    api.get("/chatbots")
    assert queries_of_the_list() == of_one_key
    shown = browser.get("/dashboard/developer/api-keys/").content.decode()
    assert "Calls with Production on each of the last 30 days: from 0 to 7" in shown
    assert "1 of 60" in shown
    assert shown.count("0 of 60") == 4


def test_a_plans_own_limit_is_drawn(browser: Client, alice: User, alices_key: CreatedKey) -> None:
    alice.plan = Plan.objects.create(name="Large", requests_per_minute=600)
    alice.save()
    response = browser.get(page(alices_key.api_key.id))
    assert "600 of 600 calls are left" in text(response)
    assert response.content.decode().count('title="free"') == 120
    assert "Each square is 5 calls" in text(response)


def expire(created: CreatedKey, ago: timedelta) -> datetime:
    expires_at = timezone.now() - ago
    ApiKey.objects.filter(id=created.api_key.id).update(expires_at=expires_at)
    return expires_at


def expiries() -> list[SecurityEvent]:
    return list(SecurityEvent.objects.filter(kind=API_KEY_EXPIRED))


def test_an_expired_key_is_logged_once_with_its_moment(alices_key: CreatedKey) -> None:
    expires_at = expire(alices_key, timedelta(minutes=3))
    for _ in range(2):
        log_expiries()
    (event,) = expiries()
    assert event.created_at == expires_at
    assert event.actor == Actor.SERVICE
    assert event.details["prefix"] == alices_key.token.prefix


def test_a_key_that_was_revoked_before_it_expired_is_not_logged(alices_key: CreatedKey) -> None:
    revoke_api_key(alices_key.api_key.owner_id, str(alices_key.api_key.id))
    expire(alices_key, timedelta())
    log_expiries()
    assert not expiries()


def test_processes_log_an_expiry_once(transactional_db: None) -> None:
    owner = User.objects.create_user("a@example.org")
    for number in range(5):
        expire(create_api_key(owner, str(number)), timedelta(minutes=1))

    def log(_: int) -> None:
        log_expired_keys()
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(log, range(32)))
    assert len(expiries()) == 5
