"""What the builtin provider answers from a real text, and that it never invents."""

import pytest

from accounts.models import User
from chatbots.knowledge.teaching import add_text_source
from chatbots.providers.base import Prompt
from chatbots.providers.builtin import BuiltinProvider
from chatbots.retrieval.scoring import Closeness
from chatbots.retrieval.search import Findings, Passage, search
from chatbots.services import create_chatbot
from insitechat.operations.demo import QUESTION
from insitechat.operations.paths import PROJECT

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
    ("How do I read a long list in pages?", "`?limit=`"),
    ("Can I choose the date on which a key expires?", "on a date that you choose"),
    ("How do I replace a key without interruption?", "choose Rotate"),
    ("Can an API key manage other keys?", "an API key cannot manage keys"),
    ("How can a scanner verify a key offline?", "without asking the server"),
    ("What happens when I lose my key?", "revoke it and create a new one"),
    ("can I put the key in my website's javascript", "Keep keys out of web pages"),
    ("what do I do if my key leaked", "revoke it at once"),
    ("max number of keys", "at most 5 active keys"),
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


def plain(text: str) -> str:
    return " ".join(text.replace("`", "").replace("*", "").split())


@pytest.mark.django_db
def test_the_guide_is_quoted_or_nothing_is() -> None:
    """One test, because learning the guide takes longer than all of its questions."""
    owner = User.objects.create_user("owner@example.org")
    chatbot = create_chatbot(owner, "Guide")
    guide = GUIDE.read_text(encoding="utf-8")
    add_text_source(chatbot, GUIDE.name, guide)

    def ask(question: str) -> str | None:
        findings = search(chatbot.id, question)
        return BuiltinProvider().answer(Prompt(question, findings))

    answers = {question: ask(question) or "" for question, _ in ANSWERABLE}
    wrong = {
        question: answers[question]
        for question, expected in ANSWERABLE
        if plain(expected) not in answers[question]
    }
    invented = {q: answer for q, answer in answers.items() if answer not in plain(guide)}
    known = {question: answer for question in UNANSWERABLE if (answer := ask(question))}
    assert (wrong, invented, known) == ({}, {}, {})


def quoted(*blocks: tuple[str, float]) -> str | None:
    """Answer from one passage, whose blocks of one sentence are so close to the question."""
    passage = Passage(
        title="Mail",
        blocks=[("p", [text]) for text, _ in blocks],
        closeness=Closeness([(cosine,) for _, cosine in blocks], [cosine for _, cosine in blocks]),
    )
    return BuiltinProvider().answer(Prompt("How do I read my mail?", Findings([passage])))


@pytest.mark.parametrize("end", [".", ".”", "!»", "。", ".)"])
def test_a_sentence_is_quoted_rather_than_a_label_that_is_as_close(end: str) -> None:
    label, sentence = "Other ways to read your mail", f"Open the mailbox with your password{end}"
    assert quoted((sentence, 0.5), (label, 0.55)) == sentence
    assert quoted((sentence, 0.5), (label, 0.7)) == label
