"""Which manuals the open sets have, and where they stand in Debian's packages. Data."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.answers import wordings

DOC = "usr/share/doc"


@dataclass(frozen=True)
class Manual:
    """An FAQ whose headings are questions, and further pages on the same thing."""

    name: str
    about: str  # what sentences call it
    packages: tuple[str, ...]
    faqs: tuple[str, ...]  # patterns of paths
    foreign: tuple[str, ...]  # the manuals whose questions are strange to it
    wordings: Mapping[str, str]
    pages: tuple[str, ...] = ()  # patterns of paths


# Perl's FAQ and Python's ask much the same.
OPEN = (
    Manual(
        "python",
        "Python",
        packages=("python3.11-doc",),
        faqs=(f"{DOC}/python3.11-doc/html/faq/*.html",),
        pages=(f"{DOC}/python3.11-doc/html/tutorial/[a-c]*.html",),
        foreign=("debian",),
        wordings=wordings.WRITTEN["python"],
    ),
    Manual(
        "debian",
        "Debian",
        packages=("debian-faq", "debian-handbook"),
        faqs=(f"{DOC}/debian/FAQ/*.en.html",),
        pages=(f"{DOC}/debian-handbook/html/en-US/sect.[a-d]*.html",),
        foreign=("python", "perl"),
        wordings=wordings.WRITTEN["debian"],
    ),
    Manual(
        "perl",
        "Perl",
        packages=("perl-doc",),
        faqs=("usr/share/perl/5.36.0/pod/perlfaq[1-9].pod",),
        foreign=("debian",),
        wordings=wordings.WRITTEN["perl"],
    ),
)
SETS = {"open": OPEN}
