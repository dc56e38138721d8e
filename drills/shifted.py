"""The service on a host whose clock is CLOCK_OFF_SECONDS off."""

import os
import time
from datetime import datetime, timedelta

from django.utils import timezone

OFF_SECONDS = float(os.environ["CLOCK_OFF_SECONDS"])
right_time, right_now = time.time, timezone.now


def shifted_time() -> float:
    return right_time() + OFF_SECONDS


def shifted_now() -> datetime:
    return right_now() + timedelta(seconds=OFF_SECONDS)


time.time = shifted_time
timezone.now = shifted_now

from insitechat.wsgi import application  # noqa: E402 (what it imports has to find these clocks)

__all__ = ["application"]
