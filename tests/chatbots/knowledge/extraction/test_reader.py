"""Files of every kind, recognised by their content; and those that cannot be read, with reasons."""

import io
import zipfile

import pytest

from chatbots.knowledge.documents import Block, Document, Kind
from chatbots.knowledge.extraction.reader import read
from chatbots.knowledge.extraction.reading import File, Reading, Unreadable
from tests.chatbots.knowledge.extraction.files import (
    W,
    archive,
    docx,
    heading,
    paragraph,
    pdf,
    pptx,
    run,
    shape,
    table,
)

RETURNS = docx(
    heading(1, "Returns")
    + paragraph("You have 30 days.")
    + heading(2, "Costs")
    + table(["Country", "Price"], ["Norway", "9 EUR"])
)


def document(content: bytes, name: str = "") -> Document:
    return read(File(content, name=name)).document


def test_a_docx_keeps_headings_and_tables() -> None:
    assert document(RETURNS, "returns.docx") == Document(
        "Returns",
        (
            Block("You have 30 days."),
            Block("Country; Price", ("Costs",), Kind.TABLE_ROW),
            Block("Norway; 9 EUR", ("Costs",), Kind.TABLE_ROW),
        ),
    )


@pytest.mark.parametrize(
    "hidden",
    [
        run("X", "<w:vanish/>"),
        run("X", '<w:vanish w:val="1"/>'),
        run("X", '<w:rStyle w:val="Secret"/>'),
        run("X", '<w:rStyle w:val="TopSecret"/>'),
        f'<w:hyperlink w:anchor="a">{run("X", "<w:vanish/>")}</w:hyperlink>',
        f'<w:r><w:rPr><w:vanish/></w:rPr><w:pict><v:textbox xmlns:v="urn:schemas-microsoft-com:vml"'
        f"><w:txbxContent>{paragraph('X')}</w:txbxContent></v:textbox></w:pict></w:r>",
    ],
)
def test_hidden_text_of_a_docx_is_not_read(hidden: str) -> None:
    made = docx(
        f"<w:p>{run('Seen ')}{hidden}{run('as well', NOT_HIDDEN)}</w:p>"
        f'<w:p><w:pPr><w:pStyle w:val="Secret"/></w:pPr>{run("X")}{run("Shown", NOT_HIDDEN)}</w:p>'
        f"{table(['A', 'B'])}<w:p>{run('X', '<w:vanish/>')}</w:p>",
        **{"word/styles.xml": SECRET_STYLES},
    )
    texts = [block.text for block in document(made).blocks]
    assert texts == ["Seen as well", "Shown", "A; B"]


NOT_HIDDEN = '<w:vanish w:val="false"/>'
SECRET_STYLES = (
    f'<w:styles {W}><w:style w:type="paragraph" w:styleId="Secret"><w:rPr><w:vanish/></w:rPr>'
    "</w:style>"
    '<w:style w:type="paragraph" w:styleId="TopSecret"><w:basedOn w:val="Secret"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
)


def test_hidden_fields_and_notes_of_a_docx_are_not_read() -> None:
    field = "".join(
        f"<w:r><w:rPr><w:vanish/></w:rPr>{part}</w:r>"
        for part in (
            '<w:fldChar w:fldCharType="begin"/>',
            '<w:instrText>HYPERLINK "https://x.example"</w:instrText>',
            '<w:fldChar w:fldCharType="separate"/>',
            "<w:t>X</w:t>",
        )
    )
    end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    note = '<w:r><w:rPr><w:vanish/></w:rPr><w:footnoteReference w:id="2"/></w:r>'
    made = docx(
        f"<w:p>{run('Seen')}{field}{end}{note}</w:p>{paragraph('too')}",
        **{
            "word/footnotes.xml": (
                f'<w:footnotes {W}><w:footnote w:id="2">{paragraph("X")}</w:footnote></w:footnotes>'
            )
        },
    )
    assert [block.text for block in document(made).blocks] == ["Seen", "too"]


@pytest.mark.parametrize("show", ["0", "false"])
def test_hidden_slides_of_a_pptx_are_not_read(show: str) -> None:
    made = pptx(
        ("Seen", ["a"]), ("Hidden", ["b"]), ("Last", ["c"]), attributes={1: f'show="{show}"'}
    )
    assert [block.text for block in document(made).blocks] == ["a", "c"]


def test_hidden_shapes_of_a_pptx_are_not_read() -> None:
    def hidden(kind: str, content: str) -> str:
        return f'<p:{kind}><p:nv{kind}><p:cNvPr hidden="1"/></p:nv{kind}>{content}</p:{kind}>'

    cell = "<a:tc><a:txBody><a:p><a:r><a:t>X</a:t></a:r></a:p></a:txBody></a:tc>"
    grid = (
        f"<a:graphic><a:graphicData><a:tbl><a:tr>{cell}</a:tr></a:tbl></a:graphicData></a:graphic>"
    )
    title, body = shape("title", ["X"]), shape("body", ["X"])
    added = (
        title.replace("<p:nvPr>", '<p:cNvPr id="1" name="x" hidden="true"/><p:nvPr>')
        + hidden("grpSp", body)
        + hidden("graphicFrame", grid)
    )
    made = pptx(("Seen", ["a"]), added=added)
    assert list(document(made).blocks) == [Block("a", ("Seen",), Kind.LIST_ITEM)]


def test_a_pptx_has_each_slide_under_its_title() -> None:
    made = pptx(("Returns", ["30 days", "Unused"]), ("Shipping", ["Norway"]))
    assert document(made, "talk.pptx") == Document(
        "talk",
        (
            Block("30 days", ("Returns",), Kind.LIST_ITEM),
            Block("Unused", ("Returns",), Kind.LIST_ITEM),
            Block("Norway", ("Shipping",), Kind.LIST_ITEM),
        ),
    )


def test_a_pdf_has_headings_paragraphs_and_no_running_titles() -> None:
    line = "This line is as long as all the others in the text of this page are"
    pages = [
        [
            (10, "The Shop"),
            (20, f"Part {n}"),
            (10, line),
            (10, "and it ends here."),
            (10, f"Page {n}"),
        ]
        for n in range(1, 5)
    ]
    read_back = document(pdf(*pages), "manual.pdf")
    assert read_back.title == "manual"
    assert list(read_back.blocks) == [
        Block(f"{line} and it ends here.", (f"Part {n}",)) for n in range(1, 5)
    ]


def test_markdown_is_read_as_its_structure() -> None:
    front, end = "---\nlayout: x\n---\n", "- one\n\n```\na\n```\n"
    text = f"{front}# Keys\n\nA *key*\nis [47](https://x.example/) long.\n\n{end}"
    assert document(text.encode()) == Document(
        "Keys",
        (
            Block("A key is 47 long."),
            Block("one", (), Kind.LIST_ITEM),
            Block("a", (), Kind.CODE),
        ),
    )


def test_plain_text_is_read_as_paragraphs_and_items() -> None:
    read_back = document(b"We open\r\nat nine.\r\n\r\n- a\r\n- b\r\n", "opening_hours.txt")
    assert read_back.title == "opening hours"
    assert [(block.text, block.kind) for block in read_back.blocks] == [
        ("We open\nat nine.", Kind.PARAGRAPH),
        ("a", Kind.LIST_ITEM),
        ("b", Kind.LIST_ITEM),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_has_each_cell_behind_its_column(delimiter: str) -> None:
    text = f'Plan{delimiter}Price\nBasic{delimiter}"9\nEUR"\n{delimiter}\nPro{delimiter}19\n'
    assert [block.text for block in document(text.encode(), "prices.csv").blocks] == [
        "Plan: Basic; Price: 9 EUR",
        "Plan: Pro; Price: 19",
    ]


@pytest.mark.parametrize("name", ["x.pdf", "x.txt", "x.csv", "x"])
def test_the_name_decides_nothing_that_the_content_tells(name: str) -> None:
    assert document(RETURNS, name).title == "Returns"
    assert document(b"<!DOCTYPE html><title>T</title><p>x", name).title == "T"


def reason(content: bytes, name: str = "file") -> str:
    with pytest.raises(Unreadable) as refused:
        read(File(content, name=name))
    return str(refused.value)


def oversized(name: str) -> bytes:
    """Return an archive that is small and unpacks to more than it may."""
    return archive({name: b"<x>" + b" " * 60_000_000, "other.xml": b" " * 60_000_000}, level=1)


def encrypted() -> bytes:
    content = bytearray(RETURNS)
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = -1
        while (position := content.find(start, position + 1)) >= 0:
            content[position + flags] |= 1
    return bytes(content)


def damaged(content: bytes, part: str) -> bytes:
    """Return the archive with a flipped byte in the compressed content of a part."""
    entry = zipfile.ZipFile(io.BytesIO(content)).getinfo(part)
    position = entry.header_offset + 30 + len(part) + 10
    return content[:position] + bytes([content[position] ^ 255]) + content[position + 1 :]


def repr_of(value: object) -> str | None:
    """Keep files out of the names of tests."""
    return "file" if isinstance(value, bytes) else None


ENTITIES = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b" \n", "empty"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"a\0b", "no text"),
        (b"PK\x03\x04garbage", "damaged"),
        (archive({"a.txt": "x"}), "archive cannot be read"),
        (archive({"xl/workbook.xml": "x"}), "Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office 97"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
        (encrypted(), "password"),
        (damaged(RETURNS, "word/document.xml"), "damaged"),
        (RETURNS[: len(RETURNS) // 2], "damaged"),
        (docx("<w:p>"), "damaged"),
        (docx("", **{"word/x.xml": ENTITIES}), "document type"),
        (docx("", **{"word/x.xml": ENTITIES.encode("utf-16").decode("latin-1")}), "document type"),
        (docx(""), "no text"),
        (oversized("word/document.xml"), "larger than 100 MB"),
        (oversized("ppt/presentation.xml"), "larger than 100 MB"),
        (archive({"word/document.xml": "", **{str(n): "" for n in range(5_000)}}), "5,000 parts"),
        (archive({"ppt/presentation.xml": "<x/>"}), "damaged"),
        (pdf([(10, "Secret")], is_locked=True), "password"),
        (pdf([]), "scans cannot be read"),
        (b"%PDF-1.7 garbage", "damaged"),
        (b"%PDF-1.7\n" + pdf([(10, "x")])[9:200], "damaged"),
    ],
    ids=repr_of,
)
def test_what_cannot_be_read_says_why(content: bytes, expected: str) -> None:
    assert expected in reason(content)


def test_what_is_too_long_says_so() -> None:
    assert "2,000,000 characters" in reason(b"word " * 500_000)
    assert "100 columns" in reason(b",".join([b"1"] * 200), "x.csv")


def test_a_reading_survives_the_way_between_processes() -> None:
    reading = Reading(document(RETURNS), links=("https://x.example/",), may_index=False)
    assert Reading.from_json(reading.to_json()) == reading
