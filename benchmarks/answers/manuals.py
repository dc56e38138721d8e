"""Which manuals the open sets have, and where they stand in Debian's packages. Data."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.answers import tuning_wordings, untuned_wordings, wordings

DOC = "usr/share/doc"
HUGIN = "usr/share/hugin/xrc/data/help_en_EN"


@dataclass(frozen=True)
class Manual:
    """An FAQ whose headings are questions, and further pages on the same thing."""

    name: str
    about: str  # what sentences call it
    packages: tuple[str, ...]
    faqs: tuple[str, ...]  # patterns of paths
    wordings: Mapping[str, str]
    pages: tuple[str, ...] = ()  # patterns of paths
    akin: tuple[str, ...] = ()  # manuals whose questions it may answer


@dataclass(frozen=True)
class ManualSet:
    """Manuals whose questions are strange to each other, unless they are akin."""

    manuals: tuple[Manual, ...]
    is_whole: bool = False  # reported whole, without a half for tuning
    near: tuple[str, ...] = wordings.NEAR  # with {about} for the name of the manual's subject
    talk: tuple[str, ...] = wordings.TALK

    def strange_to(self, manual: Manual) -> list[str]:
        """Return the names of the manuals whose questions this one does not answer."""
        names = [other.name for other in self.manuals]
        return [name for name in names if name not in (manual.name, *manual.akin)]


OPEN = (
    Manual(
        "python",
        "Python",
        packages=("python3.11-doc",),
        faqs=(f"{DOC}/python3.11-doc/html/faq/*.html",),
        pages=(f"{DOC}/python3.11-doc/html/tutorial/[a-c]*.html",),
        wordings=wordings.WRITTEN["python"],
        akin=("perl",),
    ),
    Manual(
        "debian",
        "Debian",
        packages=("debian-faq", "debian-handbook"),
        faqs=(f"{DOC}/debian/FAQ/*.en.html",),
        pages=(f"{DOC}/debian-handbook/html/en-US/sect.[a-d]*.html",),
        wordings=wordings.WRITTEN["debian"],
    ),
    Manual(
        "perl",
        "Perl",
        packages=("perl-doc",),
        faqs=("usr/share/perl/5.36.0/pod/perlfaq[1-9].pod",),
        wordings=wordings.WRITTEN["perl"],
        akin=("python",),
    ),
)
MANUALS = (
    Manual(
        "sqlite",
        "SQLite",
        packages=("sqlite3-doc",),
        faqs=(f"{DOC}/sqlite3/faq.html",),
        pages=(f"{DOC}/sqlite3/[hilw]*.html",),
        wordings=untuned_wordings.WRITTEN["sqlite"],
    ),
    Manual(
        "r",
        "R",
        packages=("r-doc-html",),
        faqs=("usr/share/R/doc/manual/R-FAQ.html",),
        pages=("usr/share/R/doc/manual/R-data.html", "usr/share/R/doc/manual/R-intro.html"),
        wordings=untuned_wordings.WRITTEN["r"],
    ),
    Manual(
        "fetchmail",
        "fetchmail",
        packages=("fetchmail",),
        faqs=(f"{DOC}/fetchmail/fetchmail-FAQ.html",),
        pages=(f"{DOC}/fetchmail/fetchmail-features.html", f"{DOC}/fetchmail/[dt]*.html"),
        wordings=untuned_wordings.WRITTEN["fetchmail"],
    ),
    Manual(
        "privoxy",
        "Privoxy",
        packages=("privoxy",),
        faqs=(f"{DOC}/privoxy/faq/*.html",),
        pages=(f"{DOC}/privoxy/user-manual/*.html",),
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
        wordings=tuning_wordings.WRITTEN["borg"],
    ),
    Manual(
        "putty",
        "PuTTY",
        packages=("putty-doc",),
        faqs=(f"{DOC}/putty-doc/AppendixA.html",),
        pages=(f"{DOC}/putty-doc/Chapter[1-35-9]*.html",),
        wordings=tuning_wordings.WRITTEN["putty"],
    ),
    Manual(
        "mplayer",
        "MPlayer",
        packages=("mplayer-doc",),
        faqs=(f"{DOC}/mplayer/HTML/en/faq.html",),
        pages=(f"{DOC}/mplayer/HTML/en/[a-eg-lo-z]*.html",),
        wordings=tuning_wordings.WRITTEN["mplayer"],
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
        wordings=tuning_wordings.WRITTEN["hugin"],
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
        wordings=tuning_wordings.WRITTEN["anarchism"],
    ),
)
SETS = {
    "open": ManualSet(OPEN),
    # No number is fitted on their headings, wordings and identifiers, though candidates for the
    # confidence were compared on them.
    "manuals": ManualSet(MANUALS, is_whole=True),
    # The numbers of the confidence are fitted on all of these.
    "tuning": ManualSet(
        TUNING, is_whole=True, near=tuning_wordings.NEAR, talk=tuning_wordings.TALK
    ),
}
