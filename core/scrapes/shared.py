"""Memory in which processes show each other what they have counted."""

import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from zlib import crc32

import orjson

from core.metrics import Snapshot

PLACES = 64
HALF_BYTES = 512 * 1024  # untouched pages cost nothing
HEADER = Struct("=QII")  # number of the writing, bytes, checksum
# A process without a sign of life for so long has no state to report.
FRESH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Published:
    """What a process has published last, and how long ago that was."""

    place: int
    snapshot: Snapshot
    age_seconds: float

    @property
    def is_fresh(self) -> bool:
        return self.age_seconds < FRESH_SECONDS


class TooLarge(Exception):
    """A snapshot does not fit into its place."""


class SharedMemory:
    """Places for snapshots, made by the parent of the processes before it forks them.

    A place outlives its process, and whoever gets it next goes on with its counts: so they never go
    back, and memory is bounded however often processes die. A place has two halves. A snapshot is
    written to the older one, so that there is a whole one at any moment, even if the process dies
    while writing.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PLACES * 2 * HALF_BYTES)
        self._free = list(range(PLACES))

    def take_place(self) -> int | None:
        """Return a place for a process, the first that is free, if any; for the parent alone."""
        return self._free.pop(0) if self._free else None

    def free_place(self, place: int) -> None:
        """Let another process have the place; for the parent alone, once its process has ended."""
        self._free = sorted({*self._free, place})

    def write(self, place: int, snapshot: Snapshot) -> None:
        """Publish a snapshot. Raises TooLarge."""
        content = orjson.dumps({"at": time.monotonic(), "snapshot": snapshot})
        if len(content) > HALF_BYTES - HEADER.size:
            raise TooLarge(f"{len(content)} bytes of metrics")
        first, second = (self._number(place, half) for half in (0, 1))
        start = self._start(place, 0 if first < second else 1)
        header = HEADER.pack(max(first, second) + 1, len(content), crc32(content))
        self._memory[start : start + HEADER.size + len(content)] = header + content

    def read(self, place: int) -> Published | None:
        """Return what was published last in a place, None where nothing was."""
        halves = sorted((0, 1), key=lambda half: -self._number(place, half))
        for half in halves:
            content = self._content(place, half)
            if content is not None:
                published = orjson.loads(content)
                return Published(place, published["snapshot"], time.monotonic() - published["at"])
        return None

    def read_all(self) -> Iterator[Published]:
        for place in range(PLACES):
            published = self.read(place)
            if published is not None:
                yield published

    @staticmethod
    def _start(place: int, half: int) -> int:
        return (2 * place + half) * HALF_BYTES

    def _number(self, place: int, half: int) -> int:
        number: int = HEADER.unpack_from(self._memory, self._start(place, half))[0]
        return number

    def _content(self, place: int, half: int) -> bytes | None:
        """Return the content of a half, None where there is none or it is just being written."""
        start = self._start(place, half)
        number, length, checksum = HEADER.unpack_from(self._memory, start)
        begin = start + HEADER.size
        content = self._memory[begin : begin + length]
        return content if number and crc32(content) == checksum else None
