"""What an examination finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and what to do. A warning leaves the service working."""

    problem: str
    advice: str
    is_warning: bool = False
