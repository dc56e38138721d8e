from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection

from accounts.models import Plan, User
from chatbots import answering, quota
from chatbots.conversations import latest_turns, store_turn
from chatbots.knowledge.teaching import add_text_source
from chatbots.models import Chatbot, ChatbotMessageUsage, Conversation, Message, MessageUsage
from chatbots.providers.base import Prompt, ProviderError, Turn
from chatbots.quota import MessageQuotaReached, reserved_message
from chatbots.services import create_chatbot
from tests.conftest import ApiClient, detail

SHIPPING = "Do you ship to Norway?"
SHIPPED = "We ship to Norway, Sweden and Denmark."


class Recorded:
    """A provider that notes what it is asked."""

    def __init__(self, answer: str | None = "An answer.", error: Exception | None = None) -> None:
        self.prompts: list[Prompt] = []
        self._answer = answer
        self._error = error

    def answer(self, prompt: Prompt) -> str | None:
        self.prompts.append(prompt)
        if self._error:
            raise self._error
        return self._answer


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorded]:
    def install(*args: Any, **kwargs: Any) -> Recorded:
        provider = Recorded(*args, **kwargs)
        monkeypatch.setattr(answering, "provider_for", lambda _: provider)
        return provider

    return install


def chat(api: ApiClient, chatbot: Chatbot, message: str = SHIPPING, **more: Any) -> Any:
    return api.post(f"/chatbots/{chatbot.id}/chat", {"message": message, **more})


def used(owner: User) -> int:
    return sum(MessageUsage.objects.filter(owner=owner).values_list("used", flat=True))


def test_it_answers_in_the_sources_own_words(api: ApiClient, chatbot: Chatbot) -> None:
    response = chat(api, chatbot)
    assert response.status_code == 200
    assert response.json() == {"response": SHIPPED}


@pytest.mark.parametrize(
    "message", ["What is the capital of France?", "Hello!", "???", "the and of", "🙂"]
)
def test_what_it_knows_nothing_of_gets_the_fallback(
    api: ApiClient, chatbot: Chatbot, message: str
) -> None:
    Chatbot.objects.update(fallback_message="Please write to us.")
    assert chat(api, chatbot, message).json() == {"response": "Please write to us."}


def test_a_follow_up_is_understood_with_the_question_before_it(
    api: ApiClient, chatbot: Chatbot
) -> None:
    chat(api, chatbot, "How long do refunds take after a return?", session_id="a")
    assert chat(api, chatbot, "And to Sweden?", session_id="b").json()["response"] == SHIPPED
    again = chat(api, chatbot, "To which method?", session_id="a").json()["response"]
    assert "payment method" in again
    add_text_source(chatbot, "Skis", "You can rent skis here. How much they cost: 90 euros a week.")
    chat(api, chatbot, "Can I rent skis?", session_id="c")
    costs = chat(api, chatbot, "And how much is it?", session_id="c").json()["response"]
    assert "90 euros" in costs


@pytest.mark.parametrize(
    "message",
    [
        "Who painted the Mona Lisa?",
        "And who painted the Mona Lisa?",
        "Where is Atlantis?",
        "Who wrote it?",
        "But what is the capital of France?",
        "Or tell me a joke",
    ],
)
def test_an_unrelated_question_does_not_get_the_answer_before_it(
    api: ApiClient, chatbot: Chatbot, message: str
) -> None:
    assert (
        chat(api, chatbot, "Do you ship to Norway?", session_id="a").json()["response"] == SHIPPED
    )
    answer = chat(api, chatbot, message, session_id="a").json()["response"]
    assert answer == chatbot.fallback_message


@pytest.mark.parametrize(
    "message", ["How many days do I have to return an item?", "And returns?", "Can I return it?"]
)
def test_another_question_of_a_session_gets_its_own_answer(
    api: ApiClient, chatbot: Chatbot, message: str
) -> None:
    chat(api, chatbot, "Do you ship to Norway?", session_id="a")
    assert "30 days" in chat(api, chatbot, message, session_id="a").json()["response"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n\t "}, "message"),
        ({"message": "x" * 8001}, "message"),
        ({"message": None}, "message"),
        ({"message": 5}, "message"),
        ({"message": {"text": "x"}}, "message"),
        ({"message": "a\0b"}, "message"),
        ({"message": "\udc00"}, "message"),
        ({"message": "x", "session_id": ""}, "session_id"),
        ({"message": "x", "session_id": "x" * 129}, "session_id"),
        ({"message": "x", "session_id": "a\nb"}, "session_id"),
        ({"message": "x", "session_id": "a\0b"}, "session_id"),
        ({"message": "x", "session_id": 5}, "session_id"),
        ([], "body"),
        ("hello", "body"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_name(
    api: ApiClient, chatbot: Chatbot, body: Any, field: str, alice: User
) -> None:
    response = api.post(f"/chatbots/{chatbot.id}/chat", body)
    assert response.status_code == 400
    assert detail(response).startswith(f"{field}: ")
    assert not Message.objects.exists()
    assert used(alice) == 0


@pytest.mark.parametrize("message", ["x" * 8000, " " * 5000 + "x" * 8000, "é" * 8000])
def test_a_message_may_have_8000_characters_after_trimming(
    api: ApiClient, chatbot: Chatbot, message: str
) -> None:
    assert chat(api, chatbot, message, session_id="é" * 128).status_code == 200


class TestInclude:
    def ask(self, api: ApiClient, chatbot: Chatbot, query: str, message: str = SHIPPING) -> Any:
        return api.post(f"/chatbots/{chatbot.id}/chat{query}", {"message": message})

    def test_by_default_the_body_is_the_response_alone(
        self, api: ApiClient, chatbot: Chatbot
    ) -> None:
        assert chat(api, chatbot).content == b'{"response":"%b"}' % SHIPPED.encode()

    def test_sources_are_the_passages_with_whether_they_were_of_use(
        self, api: ApiClient, chatbot: Chatbot
    ) -> None:
        body = self.ask(api, chatbot, "?include=sources").json()
        assert list(body) == ["response", "sources", "fallback"]
        assert body["fallback"] is False
        first = body["sources"][0]
        assert list(first) == ["title", "url", "excerpt", "score"]
        assert (first["title"], first["url"]) == ("Rules", "")
        assert SHIPPED in first["excerpt"]

    def test_a_fallback_has_no_sources(self, api: ApiClient, chatbot: Chatbot) -> None:
        body = self.ask(api, chatbot, "?include=sources", "What is the capital of France?").json()
        assert body == {"response": chatbot.fallback_message, "sources": [], "fallback": True}

    def test_usage_is_the_months_with_this_message(
        self, api: ApiClient, chatbot: Chatbot, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quota, "current_month", lambda: date(2026, 12, 1))
        body = self.ask(api, chatbot, "?include=usage").json()
        assert list(body) == ["response", "usage"]
        assert body["usage"] == {
            "used": 1,
            "limit": alice.plan.monthly_messages,
            "resets_at": "2027-01-01T00:00:00.000000+00:00",
        }

    @pytest.mark.parametrize(
        "query",
        ["?include=sources,usage", "?include=usage,sources", "?include=sources&include=usage"],
    )
    def test_both_may_be_asked_for(self, api: ApiClient, chatbot: Chatbot, query: str) -> None:
        body = self.ask(api, chatbot, query).json()
        assert list(body) == ["response", "sources", "fallback", "usage"]

    @pytest.mark.parametrize(
        "value", ["", "source", "sources,", "Sources", "sources, usage", "all"]
    )
    def test_other_words_are_refused_by_name(
        self, api: ApiClient, chatbot: Chatbot, value: str, alice: User
    ) -> None:
        response = self.ask(api, chatbot, f"?include={value}")
        assert response.status_code == 400
        assert detail(response).startswith("include: ")
        assert used(alice) == 0


class TestConversations:
    def test_questions_and_answers_are_stored(self, api: ApiClient, chatbot: Chatbot) -> None:
        chat(api, chatbot, f"  {SHIPPING} ", session_id="visitor 1")
        conversation = Conversation.objects.get()
        assert conversation.session_id == "visitor 1"
        assert [(message.role, message.text) for message in conversation.messages.all()] == [
            ("user", SHIPPING),
            ("assistant", SHIPPED),
        ]

    def test_without_a_session_it_is_the_accounts(
        self, api: ApiClient, chatbot: Chatbot, alice: User
    ) -> None:
        chat(api, chatbot)
        chat(api, chatbot, session_id=None)
        assert Conversation.objects.get().session_id == f"api-{alice.id}"

    def test_the_last_ten_turns_are_the_history(
        self, api: ApiClient, chatbot: Chatbot, provided: Callable[..., Recorded]
    ) -> None:
        provider = provided()
        for number in range(12):
            chat(api, chatbot, f"{SHIPPING} {number}", session_id="a")
        chat(api, chatbot, session_id="b")
        assert [turn.question for turn in provider.prompts[11].history] == [
            f"{SHIPPING} {number}" for number in range(1, 11)
        ]
        assert {turn.answer for turn in provider.prompts[11].history} == {"An answer."}
        assert provider.prompts[12].history == []

    def test_chatbots_do_not_share_a_session(
        self, api: ApiClient, chatbot: Chatbot, alice: User
    ) -> None:
        other = create_chatbot(alice, "Other")
        chat(api, chatbot, session_id="a")
        assert latest_turns(other, "a") == []

    def test_a_message_that_is_missing_does_not_break_the_session(
        self, api: ApiClient, chatbot: Chatbot
    ) -> None:
        for _ in range(3):
            chat(api, chatbot, session_id="a")
        Message.objects.all()[1].delete()
        assert chat(api, chatbot, session_id="a").status_code == 200
        assert len(latest_turns(chatbot, "a")) == 3

    @pytest.mark.django_db(transaction=True)
    def test_turns_that_end_at_once_do_not_mix(self) -> None:
        chatbot = create_chatbot(User.objects.create_user("a@example.org"), "Bot")

        def store(number: int) -> None:
            for _ in range(5):
                store_turn(chatbot, "a", Turn(f"question {number}", f"answer {number}"))
            connection.close()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(store, range(8)))
        texts = [message.text for message in Message.objects.all()]
        assert len(texts) == 80
        for question, answer in zip(texts[::2], texts[1::2], strict=True):
            assert answer == question.replace("question", "answer")


class TestQuota:
    def limit(self, owner: User, messages: int) -> None:
        owner.plan = Plan.objects.create(name="Small", monthly_messages=messages)
        owner.save()

    def test_each_answer_counts_one_fallbacks_too(
        self, api: ApiClient, chatbot: Chatbot, alice: User
    ) -> None:
        chat(api, chatbot)
        chat(api, chatbot, "What is the capital of France?")
        assert used(alice) == 2

    def test_over_the_quota_it_is_refused_to_the_letter(
        self, api: ApiClient, chatbot: Chatbot, alice: User
    ) -> None:
        self.limit(alice, 1)
        assert chat(api, chatbot).status_code == 200
        refused = chat(api, chatbot)
        assert refused.status_code == 429
        assert refused.content == b'{"detail": "Monthly message limit reached."}'
        assert refused.headers["RateLimit"].startswith('"default";r=58;t=')
        assert used(alice) == 1
        assert Message.objects.count() == 2
        assert api.get("/chatbots").status_code == 200

    def test_a_plan_without_messages_answers_none(
        self, api: ApiClient, chatbot: Chatbot, alice: User
    ) -> None:
        self.limit(alice, 0)
        assert chat(api, chatbot).status_code == 429

    @pytest.mark.parametrize("error", [ProviderError("down"), RuntimeError("bug")])
    def test_a_failed_call_is_given_back(
        self,
        api: ApiClient,
        chatbot: Chatbot,
        alice: User,
        provided: Callable[..., Recorded],
        error: Exception,
    ) -> None:
        self.limit(alice, 1)
        provided(error=error)
        assert chat(api, chatbot).status_code in {500, 502}
        assert used(alice) == 0
        assert not Message.objects.exists()
        provided()
        assert chat(api, chatbot).status_code == 200

    def test_the_message_is_reserved_before_the_provider_is_asked(
        self,
        api: ApiClient,
        chatbot: Chatbot,
        alice: User,
        provided: Callable[..., Recorded],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        provider = provided()
        seen = []
        monkeypatch.setattr(provider, "answer", lambda _: seen.append(used(alice)))
        chat(api, chatbot)
        assert seen == [1]

    def test_a_count_that_staff_set_back_does_not_hide_the_failure(
        self,
        api: ApiClient,
        chatbot: Chatbot,
        alice: User,
        provided: Callable[..., Recorded],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        provider = provided()

        def fail(_: Prompt) -> None:
            MessageUsage.objects.update(used=0)
            raise ProviderError

        monkeypatch.setattr(provider, "answer", fail)
        assert chat(api, chatbot).status_code == 502
        assert used(alice) == 0

    @pytest.mark.parametrize(
        ("now", "month"),
        [
            (datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC), date(2026, 3, 1)),
            (datetime(2026, 4, 1, tzinfo=UTC), date(2026, 4, 1)),
            (datetime.fromisoformat("2026-04-01T01:00:00+02:00"), date(2026, 3, 1)),
        ],
    )
    def test_the_month_is_the_calendar_month_in_utc(
        self, monkeypatch: pytest.MonkeyPatch, now: datetime, month: date
    ) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)
        assert quota.current_month() == month

    def test_a_new_month_starts_at_none(
        self,
        api: ApiClient,
        chatbot: Chatbot,
        alice: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.limit(alice, 1)
        chat(api, chatbot)
        monkeypatch.setattr(quota, "current_month", lambda: date(2100, 1, 1))
        assert chat(api, chatbot).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_calls_at_once_never_pass_it(self) -> None:
        owner = User.objects.create_user("a@example.org")
        self.limit(owner, 7)
        chatbots = [create_chatbot(owner, "One"), create_chatbot(owner, "Two")]

        def reserve(number: int) -> bool:
            try:
                with reserved_message(chatbots[number % 2]) as reservation:
                    if number % 3:
                        reservation.keep()
                    return reservation.is_kept
            except MessageQuotaReached:
                return False
            finally:
                connection.close()

        with ThreadPoolExecutor(10) as pool:
            kept = sum(pool.map(reserve, range(60)))
        assert kept == 7
        assert used(owner) == 7
        assert sum(ChatbotMessageUsage.objects.values_list("used", flat=True)) == 7


def test_the_owner_says_how_sure_it_has_to_be(api: ApiClient, chatbot: Chatbot) -> None:
    assert chat(api, chatbot, "Do you ship to Norway?").json()["response"] == SHIPPED
    question = Message.objects.get(role=Message.Role.USER)
    assert question.confidence is not None
    Chatbot.objects.update(threshold_shift=question.confidence + 1)
    answer = chat(api, chatbot, "Do you ship to Norway?").json()["response"]
    assert answer == chatbot.fallback_message
