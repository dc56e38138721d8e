from pathlib import Path

from benchmarks.answers.debian import NO_IDENTIFIER, faq_sections, read
from benchmarks.answers.manuals import SETS

ANSWER = "It does, from the first version on, unless its builder has turned that off. " * 2
LINKS = "Next: Does it store dates?, Previous: Does it store text?, Up: Types [Contents]"


def section_below(heading: str, page: str, folder: Path) -> str:
    path = folder / "faq.html"
    path.write_text(page, encoding="utf-8")
    return dict(faq_sections([read(path)]))[heading].text


def test_questions_in_numbered_paragraphs_are_read_as_headings(tmp_path: Path) -> None:
    page = f"<h1>FAQ</h1><p><b>(4) Does it store text?</b></p><p>{ANSWER}</p>"
    assert "from the first version on" in section_below("Does it store text?", page, tmp_path)


def test_numbers_and_anchors_are_no_part_of_a_heading(tmp_path: Path) -> None:
    for number in ("3.1.", "3.1", "G12.", "A.2.1"):
        page = f"<h1>FAQ</h1><h2>{number} Does it store text?¶</h2><p>{ANSWER}</p>"
        assert section_below("Does it store text?", page, tmp_path)


def test_links_to_other_questions_answer_nothing(tmp_path: Path) -> None:
    page = f"<h1>FAQ</h1><h2>Does it store text?</h2><p>{ANSWER}</p><p>{LINKS}</p>"
    assert "previous" not in section_below("Does it store text?", page, tmp_path)


def test_questions_in_rows_are_read_as_headings(tmp_path: Path) -> None:
    question = "<td><p><b>Q:</b></p></td><td><p>Does it store text?</p></td>"
    answer = f"<td><p><b>A:</b></p></td><td><p>{ANSWER}</p></td>"
    page = (
        "<h1>FAQ</h1><table><tr><td><h3>Types</h3></td></tr>"
        f'<tr class="question">{question}</tr><tr class="answer">{answer}</tr></table>'
    )
    assert "from the first version on" in section_below("Does it store text?", page, tmp_path)


def test_the_address_of_a_page_answers_nothing(tmp_path: Path) -> None:
    address = 'Retrieved from "https://wiki.example/FAQ"'
    page = f"<h1>FAQ</h1><h2>Does it store text?</h2><p>{ANSWER}</p><p>{address}</p>"
    assert "retrieved" not in section_below("Does it store text?", page, tmp_path)


def test_references_to_sections_are_no_identifiers() -> None:
    assert NO_IDENTIFIER.match("A.2.16")
    assert not NO_IDENTIFIER.match("N.C.O.s")


def test_what_is_fitted_on_has_its_own_near_misses_and_small_talk() -> None:
    for name, others in SETS.items():
        if name != "tuning":
            assert not set(SETS["tuning"].near) & set(others.near)
            assert not set(SETS["tuning"].talk) & set(others.talk)


def test_each_manual_is_in_one_set() -> None:
    names = [manual.name for each in SETS.values() for manual in each.manuals]
    assert len(names) == len(set(names))


def test_all_other_manuals_of_a_set_are_strange_to_one_but_those_akin_to_it() -> None:
    chosen = SETS["open"]
    strange = {manual.name: chosen.strange_to(manual) for manual in chosen.manuals}
    assert strange == {"python": ["debian"], "debian": ["python", "perl"], "perl": ["debian"]}
