"""Template filters that put times into words."""

from datetime import datetime

from django import template
from django.utils import timezone

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86400


@register.filter
def relative(moment: datetime) -> str:
    """Return the distance from now in words: “5 minutes ago”, “in 12 days”."""
    seconds = (moment - timezone.now()).total_seconds()
    duration = in_words(abs(seconds))
    return f"in {duration}" if seconds > 0 else f"{duration} ago"


@register.filter
def in_seconds(milliseconds: int) -> str:
    """Return a short duration as people say it: “0.4 s”, “12 s”."""
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def in_words(seconds: float) -> str:
    minutes, hours, days = (round(seconds / unit) for unit in (MINUTE, HOUR, DAY))
    if seconds < MINUTE:
        return "less than a minute"
    if minutes < 60:
        return with_unit(minutes, "minute")
    if hours < 24:
        return with_unit(hours, "hour")
    return with_unit(days, "day")


def with_unit(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
