"""What a message means in its conversation, told by its form. Pure."""

import re
from collections.abc import Sequence

from chatbots.retrieval.analysis import terms

PHRASES = (
    r"hi|hiya|hello|hey|good (?:morning|afternoon|evening|day|night)|greetings|bye|goodbye|cheers"
    r"|see you|thanks?(?: (?:you|a lot|so much|very much))*|thx|ok|okay|great|perfect|cool|nice"
    r"|yes|no|how are you(?: doing)?|who are you"
    r"|are you (?:a |an )?(?:robot|bot|human|person)"
    r"|what(?:'s| is) your name|what(?:'s| is) the time|what time is it"
    r"|tell me (?:a|another) joke|i (?:love|hate) you"
    r"|hallo|guten (?:tag|morgen|abend)|danke|tschüss|bonjour|merci|salut"
    r"|hola|gracias|ciao|grazie|hej|tak|tack"
)
SMALL_TALK = re.compile(
    rf"\W*(?:(?:{PHRASES})(?:\s+(?:there|all|everyone|again|now|today))?\W*)+", re.IGNORECASE
)
# How a message begins that goes on where the last one ended.
CONTINUES = re.compile(
    r"(?:and|but|or|also|so|what about|how about|what if"
    r"|und|aber|oder|et|mais|y|pero|e|och|og|en)\b|why(?: not)?\W*$",
    re.IGNORECASE,
)
POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|that|this|these|those|there|one|ones|he|she|him|her)\b",
    re.IGNORECASE,
)
# Few words that begin so ask for a part of what was said: “To which country?”, “How long?”
ASKS_ON = re.compile(
    r"(?:to|from|for|with|without|in|at|on|by|until|when|where|which|who|how)\b", re.IGNORECASE
)
SHORT_WORDS, FEW_WORDS = 8, 3
# What a follow-up may ask without naming what about, beside stop words: “How long does it take?”
OF_ANY_SUBJECT = {
    language: frozenset(terms(words, language))
    for language, words in {
        "en": "cost price expensive cheap free extra pay long time late soon early fast quick many"
        " more one another thing part kind reason example detail use need want work happen mean"
        " explain describe take include",
        "de": "kosten kostet preis teuer bezahlen lange dauert zeit schnell mehr grund beispiel"
        " brauche funktioniert bedeutet",
    }.items()
}


def is_small_talk(message: str) -> bool:
    """Return whether a message is a greeting, thanks and the like: nothing that sources answer."""
    return bool(SMALL_TALK.fullmatch(message))


def is_follow_up(message: str) -> bool:
    """Return whether a message says what it is about only together with the one before."""
    if CONTINUES.match(message.lstrip()):
        return True
    words = len(message.split())
    if words <= FEW_WORDS and ASKS_ON.match(message.lstrip()):
        return True
    return words <= SHORT_WORDS and bool(POINTS_BACK.search(message))


def subject_terms(message: str, language: str) -> set[str]:
    """Return the terms of a follow-up that are about something in particular.

    Without any it is about what was said before. With some it may be (“And to Sweden?”), or be a
    question of its own (“And who painted the Mona Lisa?”).
    """
    return set(terms(message, language)) - OF_ANY_SUBJECT.get(language, frozenset())


def readings(message: str, earlier: Sequence[str]) -> list[str]:
    """Return what to search for, the likeliest first: nothing for small talk."""
    if is_small_talk(message):
        return []
    if not earlier or not is_follow_up(message):
        return [message]
    return [f"{earlier[-1]} {message}", message]
