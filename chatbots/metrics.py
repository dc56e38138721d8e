"""What is counted of chats, and how their providers are timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from core import tracing
from core.metrics import Counter, Histogram

CHATS = Counter(
    "insitechat_chats_total",
    "Chats by provider and outcome: answered, fallback, or the name of what was raised.",
    *("provider", "outcome"),
)
PROVIDER_SECONDS = Histogram(
    "insitechat_provider_seconds",
    "How long providers took to answer or to fail.",
    "provider",
)
PROVIDER_FAILURES = Counter(
    "insitechat_provider_failures_total",
    "Answers that providers did not give, by the name of what was raised.",
    *("provider", "error"),
)
QUOTA_REFUSALS = Counter(
    "insitechat_quota_refusals_total", "Messages refused because the month's are used up."
)
QUOTA_GIVEN_BACK = Counter(
    "insitechat_quota_given_back_total", "Messages that were counted and then given back."
)
QUOTA_GIVE_BACK_FAILURES = Counter(
    "insitechat_quota_give_back_failures_total",
    "Messages that could not be given back at once.",
)


@dataclass(slots=True)
class Chat:
    """A chat under way, whose outcome is said when it is known."""

    outcome: str = "abandoned"


@contextmanager
def counted_chat(provider: str) -> Iterator[Chat]:
    """Count a chat by its outcome, or by what the block raises."""
    chat = Chat()
    try:
        yield chat
    except Exception as error:
        chat.outcome = type(error).__name__
        raise
    finally:
        CHATS.inc(provider, chat.outcome)


@contextmanager
def timed_provider(provider: str) -> Iterator[None]:
    """Time what a provider does in the block, and count its failures."""
    began = monotonic()
    try:
        with tracing.span("provider", provider=provider):
            yield
    except Exception as error:
        PROVIDER_FAILURES.inc(provider, type(error).__name__)
        raise
    finally:
        PROVIDER_SECONDS.observe(monotonic() - began, provider)
