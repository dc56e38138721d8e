"""Times as people say them."""

from datetime import datetime

from django import template
from django.utils import timezone

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400


@register.filter
def relative(moment: datetime) -> str:
    """Return how far the moment is from now: “5 minutes ago”, “in 12 days”."""
    seconds = (moment - timezone.now()).total_seconds()
    return in_words(abs(seconds), "in {}" if seconds > 0 else "{} ago")


def in_words(seconds: float, sentence: str) -> str:
    minutes, hours, days = (round(seconds / unit) for unit in (MINUTE, HOUR, DAY))
    if seconds < MINUTE:
        return sentence.format("less than a minute")
    if minutes < 60:
        return sentence.format(counted(minutes, "minute"))
    if hours < 24:
        return sentence.format(counted(hours, "hour"))
    return sentence.format(counted(days, "day"))


def counted(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
