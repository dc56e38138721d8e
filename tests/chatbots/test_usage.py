"""How many of the month's messages are used, and what the dashboard says of it."""

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Plan, User
from chatbots import quota
from chatbots.answering import answer_message
from chatbots.models import Chatbot, ChatbotMessageUsage, MessageUsage
from chatbots.providers.base import ProviderError
from chatbots.quota import current_month, reserved_message, usage_by_chatbot, usage_of
from chatbots.services import create_chatbot
from tests.chatbots.test_pages import LIST, page_of, signed_in, text

__all__ = ["signed_in"]

USAGE = "/dashboard/usage/"


def set_used(owner: User, used: int, allowed: int = 1000) -> None:
    owner.plan, _ = Plan.objects.get_or_create(name=f"{allowed}", monthly_messages=allowed)
    owner.save()
    MessageUsage.objects.update_or_create(
        owner=owner, month=quota.current_month(), defaults={"used": used}
    )


def test_it_shows_used_left_and_when_it_starts_again(
    signed_in: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota, "current_month", lambda: date(2026, 12, 1))
    set_used(alice, 1234, allowed=10_000)
    page = text(signed_in.get(USAGE))
    assert "1,234 of 10,000" in page
    assert "<dd>8,766</dd>" in page
    assert 'datetime="2027-01-01T00:00:00+00:00" title="2027-01-01 00:00:00 UTC"' in page
    assert 'max="10000"' in page
    assert 'value="1234"' in page


def test_each_chatbot_has_its_share(signed_in: Client, chatbot: Chatbot, alice: User) -> None:
    other = create_chatbot(alice, "Other")
    for asked in (chatbot, other, other):
        answer_message(asked, "visitor", "Do you ship to Norway?")
    assert [(share.chatbot, share.used) for share in usage_by_chatbot(alice.id)] == [
        (other, 2),
        (chatbot, 1),
    ]
    page = text(signed_in.get(USAGE))
    assert page.index("Other") < page.index("Shop")
    assert 'data-label="Messages">2<' in page


def test_deleted_chatbots_stay_in_the_sum_without_their_names(
    signed_in: Client, chatbot: Chatbot, alice: User
) -> None:
    answer_message(chatbot, "visitor", "Do you ship to Norway?")
    Chatbot.objects.all().soft_delete()
    assert [(share.chatbot, share.used) for share in usage_by_chatbot(alice.id)] == [(None, 1)]
    page = text(signed_in.get(USAGE))
    assert "Deleted chatbots" in page
    assert "Shop" not in page


def test_another_month_is_not_counted(chatbot: Chatbot, alice: User) -> None:
    month = current_month().replace(year=2020)
    MessageUsage.objects.create(owner=alice, month=month, used=7)
    ChatbotMessageUsage.objects.create(chatbot=chatbot, month=month, used=7)
    assert usage_of(alice.id).used == 0
    assert [share.used for share in usage_by_chatbot(alice.id)] == [0]


def test_what_fails_is_given_back_to_both(chatbot: Chatbot, alice: User) -> None:
    answer_message(chatbot, "visitor", "Hello")
    Chatbot.objects.update(provider=Chatbot.Provider.CHATGPT)
    chatbot.refresh_from_db()
    with pytest.raises(ProviderError):
        answer_message(chatbot, "visitor", "Do you ship to Norway?")
    assert usage_of(alice.id).used == ChatbotMessageUsage.objects.get().used == 1


def test_reserving_is_one_statement_and_keeping_another(chatbot: Chatbot) -> None:
    with CaptureQueriesContext(connection) as queries, reserved_message(chatbot) as reservation:
        assert len(queries) == 1
        reservation.keep()
    assert len(queries) == 2


@pytest.mark.parametrize(
    ("used", "allowed", "said"),
    [
        (79, 100, None),
        (80, 100, "20 of 100 messages are left"),
        (99, 100, "1 of 100 messages are left"),
        (100, 100, "messages are used up"),
        (101, 100, "messages are used up"),
        (4, 6, None),
        (5, 6, "1 of 6 messages are left"),
        (0, 0, "messages are used up"),
    ],
)
def test_a_notice_from_80_percent_and_at_the_end(
    signed_in: Client, chatbot: Chatbot, alice: User, used: int, allowed: int, said: str | None
) -> None:
    set_used(alice, used, allowed)
    for address in (LIST, USAGE, page_of(chatbot), page_of(chatbot, "playground/")):
        page = text(signed_in.get(address))
        assert ("Contact support" in page) is bool(said), address
        assert said is None or said in page


def test_an_account_that_used_nothing(signed_in: Client) -> None:
    page = text(signed_in.get(USAGE))
    assert "0 of 1,000" in page
    assert "There is no chatbot yet" in page
