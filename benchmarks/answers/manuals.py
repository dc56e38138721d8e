"""Which manuals the open sets have, and where they stand in Debian's packages. Data."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.answers import tuning_wordings, untuned_wordings, wordings
from benchmarks.answers.wordings import NEAR, TALK

DOC = "usr/share/doc"
HUGIN = "usr/share/hugin/xrc/data/help_en_EN"


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
    near: tuple[str, ...] = NEAR  # with {about} for its name
    talk: tuple[str, ...] = TALK


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
TUNING = (
    Manual(
        "borg",
        "Borg",
        packages=("borgbackup-doc",),
        faqs=(f"{DOC}/borgbackup/html/faq.html",),
        pages=(
            f"{DOC}/borgbackup/html/quickstart.html",
            f"{DOC}/borgbackup/html/usage/*.html",
            f"{DOC}/borgbackup/html/deployment/*.html",
        ),
        foreign=("putty", "mplayer", "hugin", "anarchism"),
        wordings=tuning_wordings.WRITTEN["borg"],
        near=tuning_wordings.NEAR,
        talk=tuning_wordings.TALK,
    ),
    Manual(
        "putty",
        "PuTTY",
        packages=("putty-doc",),
        faqs=(f"{DOC}/putty-doc/AppendixA.html",),
        pages=(f"{DOC}/putty-doc/Chapter[1-35-9]*.html",),
        foreign=("borg", "mplayer", "hugin", "anarchism"),
        wordings=tuning_wordings.WRITTEN["putty"],
        near=tuning_wordings.NEAR,
        talk=tuning_wordings.TALK,
    ),
    Manual(
        "mplayer",
        "MPlayer",
        packages=("mplayer-doc",),
        faqs=(f"{DOC}/mplayer/HTML/en/faq.html",),
        pages=(f"{DOC}/mplayer/HTML/en/[a-eg-lo-z]*.html",),
        foreign=("borg", "putty", "hugin", "anarchism"),
        wordings=tuning_wordings.WRITTEN["mplayer"],
        near=tuning_wordings.NEAR,
        talk=tuning_wordings.TALK,
    ),
    Manual(
        "hugin",
        "Hugin",
        packages=("hugin-data",),
        faqs=(f"{HUGIN}/Hugin_FAQ.html",),
        pages=(
            f"{HUGIN}/Hugin_[A-EG-Z]*.html",
            f"{HUGIN}/[A-C]*.html",
        ),
        foreign=("borg", "putty", "mplayer", "anarchism"),
        wordings=tuning_wordings.WRITTEN["hugin"],
        near=tuning_wordings.NEAR,
        talk=tuning_wordings.TALK,
    ),
    Manual(
        "anarchism",
        "anarchism",
        packages=("anarchism",),
        faqs=(
            f"{DOC}/anarchism/html/secA[12].html",
            f"{DOC}/anarchism/html/secI5.html",
            f"{DOC}/anarchism/html/secJ2.html",
        ),
        pages=(f"{DOC}/anarchism/html/secA5.html",),
        foreign=("borg", "putty", "mplayer", "hugin"),
        wordings=tuning_wordings.WRITTEN["anarchism"],
        near=tuning_wordings.NEAR,
        talk=tuning_wordings.TALK,
    ),
)
SETS = {"open": OPEN, "manuals": MANUALS, "tuning": TUNING}
# No number is fitted on their headings, wordings and identifiers, though candidates for the
# confidence were compared on them. So no half of their questions is set aside.
UNTUNED = frozenset({"manuals"})
# The numbers that the code uses are fitted on all of these: no half is set aside here either.
FITTED = frozenset({"tuning"})
WHOLE = UNTUNED | FITTED
