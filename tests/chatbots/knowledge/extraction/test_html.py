"""What is read of a page: its content under its headings, and nothing that nobody sees."""

import pytest

from chatbots.knowledge.documents import Block, Kind
from chatbots.knowledge.extraction.html import read_html

PAGE = """\
<!doctype html><html lang="en-GB"><head><title>Delivery – Shop</title>
<base href="/help/"><link rel="canonical" href="delivery"></head><body>
<header>The Shop</header><nav><a href="/">Home</a></nav>
<main><h1>Delivery</h1>
<p>We ship to <b>Norway</b>,
<a href="sweden?x=1#y">Sweden</a> and Denmark.</p>
<h2>Prices</h2>
<table><tr><th>Plan<th>Price<tr><td>Basic<td>9 EUR<tr><td>Pro<td></table>
<ul><li>One<ul><li>Two</ul><li>Three</ul>
<pre>a = 1
  b = 2</pre>
<dl><dt>Weight<dd>2 kg<dt>Why so heavy?<dd><p>{long}</dl>
<details><summary>May I return it?</summary>Within 30 days.</details>
<p>Closed.</p>
<h3>Address</h3>Street 1<br>City
</main><footer>Imprint</footer></body></html>
""".replace("{long}", "Since it is made of stone. " * 6)


def blocks(markup: str) -> list[Block]:
    return list(read_html(markup.encode()).document.blocks)


def texts(markup: str) -> list[str]:
    return [block.text for block in blocks(markup)]


def test_a_page_is_its_content_under_its_headings() -> None:
    reading = read_html(PAGE.encode(), url="https://shop.example/start")
    assert (reading.document.title, reading.document.language) == ("Delivery", "en")
    assert reading.canonical == "https://shop.example/help/delivery"
    assert reading.links == ("https://shop.example/", "https://shop.example/help/sweden?x=1#y")
    assert reading.may_index
    assert list(reading.document.blocks) == [
        Block("We ship to Norway, Sweden and Denmark."),
        Block("Plan: Basic; Price: 9 EUR", ("Prices",), Kind.TABLE_ROW),
        Block("Plan: Pro", ("Prices",), Kind.TABLE_ROW),
        Block("One", ("Prices",), Kind.LIST_ITEM),
        Block("Two", ("Prices",), Kind.LIST_ITEM),
        Block("Three", ("Prices",), Kind.LIST_ITEM),
        Block("a = 1\n  b = 2", ("Prices",), Kind.CODE),
        Block("Weight: 2 kg", ("Prices",)),
        Block(("Since it is made of stone. " * 6).strip(), ("Prices", "Why so heavy?")),
        Block("Within 30 days.", ("Prices", "May I return it?")),
        Block("Closed.", ("Prices",)),
        Block("Street 1\nCity", ("Prices", "Address")),
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p style='display: none'>X</p>",
        "<p style='color:red;visibility:hidden'>X</p>",
        "<p style='font-size:0'>X</p>",
        "<p style='opacity: 0.0;'>X</p>",
        "<p style='position:absolute;left:-9999px'>X</p>",
        "<p hidden>X</p>",
        "<p aria-hidden=true>X</p>",
        "<div style='DISPLAY:NONE'><p>X</p></div>",
        "<!-- X --><script>X</script><style>X</style><template>X</template>",
        "<noscript>X</noscript><svg><text>X</text></svg><textarea>X</textarea>",
        "<input value=X><img alt='X'><meta name=description content=X>",
    ],
)
def test_what_nobody_sees_is_not_read(hidden: str) -> None:
    assert texts(f"<body><p>Seen.</p>{hidden}</body>") == ["Seen."]


def test_what_is_half_transparent_is_read() -> None:
    assert texts("<p style='opacity:0.5;font-size:0.9em'>Seen.</p>") == ["Seen."]


def test_what_a_button_opens_is_read_under_it() -> None:
    page = "<h2>Help</h2><button aria-controls=a>Why?</button><div id=a hidden>Since.</div>"
    assert blocks(f"{page}<button>Buy</button>") == [Block("Since.", ("Help", "Why?"))]


@pytest.mark.parametrize("code", [0xE0041, 0x200B, 0x2062, 0xFEFF, 0x202E, 0xE0100, 0xAD, 0])
def test_characters_that_nobody_sees_are_dropped(code: int) -> None:
    assert texts(f"<p>Re{chr(code)}turns</p>")[0].replace("\ufffd", "") == "Returns"


def test_joiners_stay_in_scripts_that_need_them() -> None:
    persian, family = "می\u200cخواهم", "👨\u200d👩\u200d👧"
    assert texts(f"<p>{persian} {family} a\u200db</p>") == [f"{persian} {family} ab"]


@pytest.mark.parametrize(
    "anchor",
    [
        '<a class="headerlink" href="#b" title="Link to this heading">¶</a>',  # Sphinx, MkDocs
        '<a class="headerlink" href="#b">\uf0c1</a>',  # Sphinx's theme of Read the Docs
        '<a class="header-anchor" href="#b" aria-label="Permalink to “B”">\u200b</a>',  # VitePress
        '<a class="hash-link" href="#b" title="Direct link to B">#</a>',  # Docusaurus
        '<a class="anchor" href="#b">§</a>',  # rustdoc
        ' <a href="https://shop.example/help#b">🔗\ufe0f</a>',
        '<a class="anchor" href="#b"><svg><path/></svg></a>',  # GitHub
        '<a href="#b"><span aria-hidden="true">#</span><span class="sr-only">Link</span></a>',
    ],
)
def test_links_of_headings_to_themselves_are_dropped(anchor: str) -> None:
    made = f'<h1>A{anchor}</h1><section id="b"><h2>{anchor}B{anchor}</h2><p>C</p></section>'
    reading = read_html(f"{made}<dl><dt>Weight{anchor}</dt><dd>2 kg</dd></dl>".encode())
    assert reading.document.title == "A"
    assert list(reading.document.blocks) == [Block("C", ("B",)), Block("Weight: 2 kg", ("B",))]


def test_headings_keep_links_that_say_something() -> None:
    page = "<h2><a href='#c'>C#</a> and <a href='/f#f'>F#</a></h2><p>A <a href='#n'>#</a>1"
    assert blocks(page) == [Block("A #1", ("C# and F#",))]


def test_without_a_main_element_the_frame_is_left_out() -> None:
    page = (
        "<header>Shop</header><nav>Home</nav><div><p>We open at nine.</div><footer>Imprint</footer>"
    )
    assert texts(page) == ["We open at nine."]


def test_tables_for_layout_are_read_as_what_is_in_them() -> None:
    page = "<table><tr><td><h2>A</h2><p>One.<td><table><tr><td>x<td>y</table></table>"
    assert blocks(page) == [Block("One.", ("A",)), Block("x; y", ("A",), Kind.TABLE_ROW)]


def test_a_row_with_a_heading_of_its_own_is_named_by_it() -> None:
    assert texts("<table><tr><th>Hours<td>9–5<tr><th>Phone<td>12</table>") == [
        "Hours: 9–5",
        "Phone: 12",
    ]


@pytest.mark.parametrize(
    ("page", "needs"),
    [
        ("<div id=root></div><script src=a.js></script>", True),
        ("<div id=app>Loading…</div><script src=a.js></script>", True),
        ("<body><noscript>Please enable JavaScript.</noscript><script></script><p>Wait", True),
        ("<script></script>", True),
        ("<p>We open at nine.</p><script></script>", False),
        ("", False),
    ],
)
def test_pages_that_need_scripts_are_told(page: str, needs: bool) -> None:
    assert read_html(page.encode()).needs_javascript is needs


def test_wishes_about_robots_are_read() -> None:
    reading = read_html(b"<meta name=ROBOTS content='noindex, Follow'><p>x")
    assert (reading.may_index, reading.may_follow) == (False, True)


def test_a_page_that_is_nested_without_end_is_read() -> None:
    assert "".join(texts("<div>" * 20_000 + "deep")) == "deep"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<meta charset=iso-8859-1><p>caf\xe9", "café"),
        ("<p>café".encode("utf-16"), "café"),
        (b"<p>caf\xe9 \x80", "café €"),
        ("<p>cafe\u0301".encode(), "café"),
    ],
)
def test_any_encoding_is_read(content: bytes, expected: str) -> None:
    assert read_html(content).document.blocks[0].text == expected
