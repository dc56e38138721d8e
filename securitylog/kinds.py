"""The kinds of event in the security log. Each app registers its own; no database is needed."""

from collections.abc import Mapping
from typing import NamedTuple


class Topic(NamedTuple):
    """A group of kinds that the log can be filtered by; `slug` stands in the page's address."""

    slug: str
    label: str


SIGN_INS = Topic("sign-ins", "Sign-ins")
API_KEYS = Topic("api-keys", "API keys")
LIMITS = Topic("limits", "Plan and limits")
ACCOUNT = Topic("account", "Account")
TOPICS = (SIGN_INS, API_KEYS, LIMITS, ACCOUNT)


class Kind(str):
    """A kind of event. As a string it is the name that is stored.

    `sentence` is a format string with placeholders for the details of an event. It defaults to
    the label.
    """

    label: str
    sentence: str
    topic: Topic

    def describe(self, details: Mapping[str, str]) -> str:
        """Return the sentence with the details filled in; the label if a detail is missing."""
        try:
            return self.sentence.format_map(details)
        except KeyError:
            return self.label


registry: dict[str, Kind] = {}


def register(name: str, label: str, sentence: str = "", *, topic: Topic = ACCOUNT) -> Kind:
    """Register a kind of event. Raises ValueError if the name is taken."""
    if name in registry:
        raise ValueError(f"the kind of event {name!r} is registered already")
    kind = registry[name] = Kind(name)
    kind.label, kind.sentence, kind.topic = label, sentence or label, topic
    return kind


def describe(name: str, details: Mapping[str, str]) -> str:
    """Return what happened as a sentence; a kind that is no longer registered shows its name."""
    kind = registry.get(name)
    return kind.describe(details) if kind else name.replace("_", " ").capitalize()


def choices() -> list[tuple[str, str]]:
    return [(name, kind.label) for name, kind in registry.items()]


def of_topic(topic: Topic) -> list[str]:
    return [name for name, kind in registry.items() if kind.topic == topic]
