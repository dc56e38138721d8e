"""What the builtin provider answers from a real text, and that it never invents."""

import pytest

from accounts.models import User
from chatbots.models import Chatbot
from chatbots.providers.base import Prompt
from chatbots.providers.builtin import BuiltinProvider
from chatbots.retrieval import search
from chatbots.services import add_text_source, create_chatbot
from insitechat.demo import QUESTION
from insitechat.paths import PROJECT

GUIDE = PROJECT / "docs" / "api-keys.md"

ANSWERABLE = [
    (QUESTION, "60 requests"),
    ("How many requests per minute may one key make?", "60 requests"),
    ("What is the rate limit?", "60 requests"),
    ("How long is an API key?", "47 characters"),
    ("How many active keys can I have?", "at most 5 active keys"),
    ("How do I revoke a key?", "choose Revoke"),
    ("Is revocation immediate?", "immediately"),
    ("Can I make a revoked key active again?", "cannot be made active again"),
    ("I lost my key, what now?", "create a new one"),
    ("How do I create a key?", "Create API Key"),
    ("Is there a Retry-After header?", "no `Retry-After` header"),
    ("When does the quota reset?", "first day of each month"),
    ("Is a failed chat call counted?", "not counted"),
    ("How many turns of a conversation are remembered?", "last 10 turns"),
    ("How many characters may a message have?", "8,000 characters"),
    ("Which hash of the key is stored?", "SHA-256"),
    ("What happens while Redis is out of reach?", "holds the limit by itself"),
    ("How can a scanner verify a key offline?", "without asking the server"),
]

UNANSWERABLE = [
    "What is the capital of France?",
    "Who won the world cup in 1998?",
    "How do I bake sourdough bread?",
    "What does the premium subscription cost in dollars?",
    "Do you ship to Norway?",
    "Can I pay with PayPal?",
    "What is the weather like in Oslo tomorrow?",
    "Tell me a joke about elephants",
    "Which of your employees speaks Portuguese?",
    "Hello there, how are you doing?",
]


@pytest.fixture
def guide(alice: User) -> Chatbot:
    chatbot = create_chatbot(alice, "Guide")
    add_text_source(chatbot, GUIDE.name, GUIDE.read_text())
    return chatbot


def ask(chatbot: Chatbot, question: str) -> str | None:
    findings = search(chatbot.id, question)
    return BuiltinProvider().answer(Prompt(question, findings))


@pytest.mark.parametrize(("question", "expected"), ANSWERABLE, ids=[q for q, _ in ANSWERABLE])
def test_it_finds_the_answer(guide: Chatbot, question: str, expected: str) -> None:
    answer = ask(guide, question)
    assert answer is not None
    assert expected in answer


@pytest.mark.parametrize("question", UNANSWERABLE)
def test_it_does_not_answer_what_it_does_not_know(guide: Chatbot, question: str) -> None:
    assert ask(guide, question) is None


@pytest.mark.parametrize("question", [question for question, _ in ANSWERABLE])
def test_every_sentence_stands_in_the_source(guide: Chatbot, question: str) -> None:
    answer = ask(guide, question)
    assert answer is not None
    assert " ".join(answer.split()) in " ".join(GUIDE.read_text().split())
