"""Pages of the API's three lists: each row once and in order, whatever changes meanwhile."""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Model
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import create_api_key, revoke_api_key
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot
from chatbots.services import create_chatbot
from core.paging import InvalidParameter, Page, Position, decode_cursor, encode_cursor, read_page
from tests.conftest import ApiClient, detail, statements_sent

NEXT = re.compile(r'<(?P<url>[^>]+)>; rel="next"')
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


@dataclass(frozen=True)
class List:
    """One of the API's lists: how to get it, and how to add a row."""

    path: str
    get: Callable[[str], Any]
    add: Callable[[], Model]

    def whole(self) -> list[Any]:
        return list(self.get(self.path).json())

    def follow(self, query: str, between: Callable[[], object] = lambda: None) -> list[list[Any]]:
        """Return the pages from a query on; `between` is called before each further one."""
        pages, url = [], f"{self.path}?{query}"
        while url:
            answer = self.get(url)
            assert answer.status_code == 200
            pages.append(answer.json())
            url = next_of(answer)
            between()
        return pages


def next_of(answer: Any) -> str:
    """Return the path that the Link header leads to; "" where there is none."""
    if "Link" not in answer.headers:
        return ""
    link = NEXT.fullmatch(answer.headers["Link"])
    assert link is not None
    start = f"{settings.PUBLIC_URL}/api/v1"
    assert link["url"].startswith(f"{start}/")
    return link["url"].removeprefix(start)


def flat(pages: Sequence[list[Any]]) -> list[Any]:
    return [row for page in pages for row in page]


@pytest.fixture
def chatbots(alice: User, api: ApiClient) -> List:
    return List("/chatbots", api.get, lambda: create_chatbot(alice, "Shop"))


@pytest.fixture
def sources(alice: User, api: ApiClient) -> List:
    chatbot = create_chatbot(alice, "Shop")
    path = f"/chatbots/{chatbot.id}/sources"
    return List(path, api.get, lambda: add_text_source(chatbot, "Hours", "We open at nine."))


@pytest.fixture
def api_keys(alice: User) -> List:
    browser = Client()
    browser.force_login(alice)

    def add() -> ApiKey:
        created = create_api_key(alice, "x").api_key
        return revoke_api_key(alice.id, str(created.id))  # so that it keeps its place free

    return List("/api-keys", lambda path: browser.get(f"/api/v1{path}"), add)


@pytest.fixture(params=["chatbots", "sources", "api_keys"])
def rows(request: pytest.FixtureRequest) -> List:
    """Return a list of 7 rows, of which up to three were made at the same moment."""
    listed: List = request.getfixturevalue(request.param)
    for number in range(7):
        row = listed.add()
        moment = NOON + timedelta(microseconds=number // 3)
        type(row)._default_manager.filter(pk=row.pk).update(created_at=moment)
    return listed


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_pages_make_up_the_whole_list(rows: List, limit: int) -> None:
    whole = rows.whole()
    assert len(whole) == 7
    pages = rows.follow(f"limit={limit}")
    assert flat(pages) == whole
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-7 // limit)


def test_without_a_limit_there_is_the_bare_list(rows: List) -> None:
    answer = rows.get(rows.path)
    assert "Link" not in answer.headers
    assert answer.content == rows.get(f"{rows.path}?unknown=1").content


def test_a_start_without_a_limit_lists_the_rest(rows: List) -> None:
    link = next_of(rows.get(f"{rows.path}?limit=2"))
    rest = rows.get(re.sub(r"limit=2&", "", link))
    assert rest.json() == rows.whole()[2:]
    assert "Link" not in rest.headers


def test_new_rows_neither_repeat_nor_hide_others(rows: List) -> None:
    before = [row["id"] for row in rows.whole()]
    additions = iter(range(3))

    def add() -> None:
        for _ in islice(additions, 1):
            rows.add()

    seen = [row["id"] for row in flat(rows.follow("limit=2", between=add))]
    assert [row_id for row_id in seen if row_id in before] == before


def test_a_page_starts_after_a_row_that_is_gone(rows: List) -> None:
    whole = rows.whole()
    following = next_of(rows.get(f"{rows.path}?limit=3"))
    type(rows.add())._default_manager.filter(pk=whole[2]["id"]).delete()
    assert rows.get(following).json()[0] == whole[3]


def test_a_link_shows_nobody_elses_rows(chatbots: List, strangers_api: ApiClient) -> None:
    for _ in range(3):
        chatbots.add()
    following = next_of(chatbots.get("/chatbots?limit=1"))
    assert len(chatbots.get(following).json()) == 1
    assert strangers_api.get(following).json() == []


@pytest.mark.parametrize("limit", ["0", "101", "-1", "+1", "1.0", "1e1", "", " 1", "x", "٣", "01"])
def test_a_limit_that_does_not_fit_is_refused(rows: List, limit: str) -> None:
    refused = rows.get(f"{rows.path}?limit={limit.replace('+', '%2B')}")
    assert refused.status_code == 400
    assert detail(refused) == "limit: has to be a whole number from 1 to 100"


@pytest.mark.parametrize("after", ["", "x", "A" * 31, "A" * 33, "9" * 32, f"{'A' * 31}=", "é" * 32])
def test_a_start_that_no_page_named_is_refused(rows: List, after: str) -> None:
    refused = rows.get(f"{rows.path}?limit=1&after={after}")
    assert refused.status_code == 400
    assert detail(refused) == "after: has to come from the Link header of a page"


def test_the_whole_list_of_chatbots_stays_one_statement(api: ApiClient, chatbot: Chatbot) -> None:
    for path in ("/chatbots", "/chatbots?unknown=1"):
        with statements_sent() as statements:
            api.get(path)
        assert statements == ["SELECT", "SELECT"]  # the key, and the list


positions = st.builds(Position, st.datetimes(timezones=st.just(UTC)), st.uuids())


@given(positions)
def test_a_cursor_leads_back_to_its_position(position: Position) -> None:
    cursor = encode_cursor(position)
    assert decode_cursor(cursor) == position
    assert re.fullmatch("[A-Za-z0-9_-]{32}", cursor)  # nothing in it has to be escaped in a URL


@given(st.text() | st.text("ABC_-09az", min_size=32, max_size=32))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        page = read_page({"after": text})
    except InvalidParameter:
        return
    assert page.after is not None
    assert encode_cursor(page.after) == text


@given(st.integers())
def test_limits_are_from_1_to_100(limit: int) -> None:
    if 1 <= limit <= 100:
        assert read_page({"limit": str(limit)}) == Page(limit, None)
        return
    with pytest.raises(InvalidParameter):
        read_page({"limit": str(limit)})


def test_a_cursor_does_not_depend_on_the_zone() -> None:
    row_id = uuid.uuid4()
    elsewhere = NOON.astimezone(tz=None)
    assert encode_cursor(Position(elsewhere, row_id)) == encode_cursor(Position(NOON, row_id))
