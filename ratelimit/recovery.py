"""When an outage of Redis is over."""

from collections.abc import Callable

GOOD_PROBES = 2
GOOD_PROBES_MAX = 128
RELAPSE_WITHIN_SECONDS = 60.0


class Recovery:
    """Counts probes of Redis; an outage is over after enough good ones in a row.

    GOOD_PROBES are enough at first. An outage within RELAPSE_WITHIN_SECONDS of the last one's end
    is a relapse and takes twice as many as that, up to GOOD_PROBES_MAX.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ended_at: float | None = None
        self._good = 0
        self.needed = GOOD_PROBES

    def begin(self) -> None:
        """Note that an outage begins."""
        is_relapse = self.ended_within(RELAPSE_WITHIN_SECONDS)
        self.needed = min(2 * self.needed, GOOD_PROBES_MAX) if is_relapse else GOOD_PROBES
        self._good = 0

    def add(self, *, is_good: bool) -> bool:
        """Count a probe; return whether enough good ones came in a row."""
        self._good = self._good + 1 if is_good else 0
        return self._good >= self.needed

    def ended_within(self, seconds: float) -> bool:
        """Say whether an outage has ended so short a time ago."""
        return self._ended_at is not None and self._clock() - self._ended_at < seconds

    def end(self) -> None:
        """Note that the outage is over."""
        self._ended_at = self._clock()
