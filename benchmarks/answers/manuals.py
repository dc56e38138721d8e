"""Which manuals the open sets have, and where they stand in Debian's packages. Data."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.answers import untuned_wordings, wordings

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
MANUALS = (
    Manual(
        "sqlite",
        "SQLite",
        packages=("sqlite3-doc",),
        faqs=(f"{DOC}/sqlite3/faq.html",),
        pages=(f"{DOC}/sqlite3/[hilw]*.html",),
        foreign=("r", "fetchmail", "privoxy"),
        wordings=untuned_wordings.WRITTEN["sqlite"],
    ),
    Manual(
        "r",
        "R",
        packages=("r-doc-html",),
        faqs=("usr/share/R/doc/manual/R-FAQ.html",),
        pages=("usr/share/R/doc/manual/R-data.html", "usr/share/R/doc/manual/R-intro.html"),
        foreign=("sqlite", "fetchmail", "privoxy"),
        wordings=untuned_wordings.WRITTEN["r"],
    ),
    Manual(
        "fetchmail",
        "fetchmail",
        packages=("fetchmail",),
        faqs=(f"{DOC}/fetchmail/fetchmail-FAQ.html",),
        pages=(f"{DOC}/fetchmail/fetchmail-features.html", f"{DOC}/fetchmail/[dt]*.html"),
        foreign=("sqlite", "r", "privoxy"),
        wordings=untuned_wordings.WRITTEN["fetchmail"],
    ),
    Manual(
        "privoxy",
        "Privoxy",
        packages=("privoxy",),
        faqs=(f"{DOC}/privoxy/faq/*.html",),
        pages=(f"{DOC}/privoxy/user-manual/*.html",),
        foreign=("sqlite", "r", "fetchmail"),
        wordings=untuned_wordings.WRITTEN["privoxy"],
    ),
)
SETS = {"open": OPEN, "manuals": MANUALS}
# Nothing was tuned on these, nor may be: they tell how far the tuning on the others carries. So no
# half of their questions is set aside.
UNTUNED = frozenset({"manuals"})
