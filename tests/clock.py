"""A clock that stands until a test moves it."""


class Clock:
    """Hands on `now`, in seconds; a monotonic clock may start anywhere."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
