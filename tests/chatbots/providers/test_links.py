"""What comes out of the filter holds no image, no HTML and no link of the model's own making."""

import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from chatbots.providers.links import ADDRESS, LEFT_OUT, LinkFilter, addresses_in

PASSAGES = [
    "See https://shop.example/returns. Or [write to us](https://shop.example/contact).",
    "Or at www.shop.example, mailto:help@shop.example; never javascript:alert(1).",
]
ALLOWED = addresses_in(PASSAGES)
MARKDOWN = MarkdownIt("commonmark", {"html": True})

# What texts are made of that try to get past it.
FRAGMENTS = st.sampled_from(
    r"""
    ! [ ] ( ) < > : / // \ & ; " ' | ` . , #
    ![ ]( ][ ]: :// a b http https http:// HTTPS:// ftp:// x:// www. mailto: javascript: data:
    evil.example evil.example/?q=1 <b> </b> <img <script> <!-- --> <https:// &#58; &colon; &#x2f;
    https://shop.example/returns https://shop.example/contact [a](https://shop.example/contact)
    [a](//evil.example) [a](<https://evil.example>) [a]:
    """.split()  # noqa: SIM905 (reads better than a list)
)
SPACES = st.sampled_from([" ", "\n", "\n\n"])
TEXTS = st.lists(FRAGMENTS | SPACES, max_size=25).map("".join) | st.text(max_size=200)


def filtered(*pieces: str) -> str:
    link_filter = LinkFilter(ALLOWED)
    return "".join(map(link_filter.feed, pieces)) + link_filter.finish()


def tokens(text: str) -> Iterable[Token]:
    for token in MARKDOWN.parse(text):
        yield token
        yield from token.children or ()


@given(TEXTS, st.data())
def test_it_makes_no_difference_how_the_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    assert filtered(*pieces) == filtered(*text) == filtered(text)


@given(TEXTS)
@example("!<b>[a](https://evil.example)")
@example("<<b>script>")
@example("https:<b>//evil.example")
@example("<https://shop.example/returns>.evil.example")
@example("https:\\//evil.example")
@example("[a](\nhttps://evil.example)")
@example("[a][b]\n\n[b]: /logout")
def test_what_a_renderer_makes_of_it_is_harmless(text: str) -> None:
    result = filtered(text)
    for token in tokens(result):
        assert token.type not in {"image", "html_inline", "html_block"}, result
        if token.type == "link_open":
            assert token.attrs["href"] in ALLOWED, result


@given(TEXTS)
def test_no_other_address_stands_in_it(text: str) -> None:
    for match in re.finditer(ADDRESS, filtered(text)):
        address = match.group()
        bare = address.rstrip(".,;:!?'*_~)")
        is_scheme_alone = bool(re.fullmatch(r"[a-z+.-]+(?::/{0,2})?", bare, re.IGNORECASE))
        assert is_scheme_alone or {address, bare} & ALLOWED, filtered(text)


@given(TEXTS)
def test_again_it_changes_nothing(text: str) -> None:
    assert filtered(filtered(text)) == filtered(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("We ship to Norway! 5 < 6 & 7 > 3: yes (see [1]).", None),
        ("See https://shop.example/returns.", None),
        ("[Write](https://shop.example/contact), or (www.shop.example).", None),
        ("**https://shop.example/returns**", None),
        ("`a[0]` and a[0](1)", "`a[0]` and a[0] (1)"),
        ("![x](https://evil.example/?q=secret)", "[x]"),
        ("![x](https://shop.example/contact)", "[x](https://shop.example/contact)"),
        ('[x](https://shop.example/contact "A title")', "[x](https://shop.example/contact)"),
        ("[x](https://evil.example/a_(b)) and", "[x] and"),
        ("[x](https://shop.example/contact)@a", "[x](https://shop.example/contact) @a"),
        ("Look: https://evil.example/?q=1, please", f"Look: {LEFT_OUT}, please"),
        ("https://shop.example/returns?q=secret", LEFT_OUT),
        ("https://shop.example/returns\\.evil.example", LEFT_OUT),
        ("javascript:alert(1)", f"{LEFT_OUT})"),
        ("<b>bold</b>", " bold "),
        ("a <https://shop.example/returns> b", "a  https://shop.example/returns  b"),
        ("<!-- hidden -->shown", " shown"),
        ("[a]: https://evil.example", f"[a] : {LEFT_OUT}"),
        ("the data: a, b; http:// alone", None),
        ("<a " + "x" * 5000, " a " + "x" * 5000),
    ],
)
def test_examples(text: str, result: str | None) -> None:
    assert filtered(text) == (text if result is None else result)


@pytest.mark.parametrize("text", ["We ship to ", "Norway", "1 < 2 ", "Yes, (really) "])
def test_ordinary_text_is_not_held_back(text: str) -> None:
    assert LinkFilter(ALLOWED).feed(text) == text


def test_what_is_held_back_has_a_bound() -> None:
    link_filter = LinkFilter(ALLOWED)
    sent = sum(len(link_filter.feed("[a](https://evil.example/" + "x" * 100)) for _ in range(1000))
    assert sent > 0
    assert len(link_filter._unread) < 2500
