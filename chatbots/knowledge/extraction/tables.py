"""Rows of tables as texts that can be read by themselves: each cell behind its column's name."""

from collections.abc import Iterable, Sequence

from selectolax.lexbor import LexborNode

from chatbots.knowledge.extraction.characters import line

MAX_COLUMNS = 100
MAX_SPAN = 20


def row_text(names: Sequence[str], cells: Iterable[str]) -> str:
    """Return `name: cell; name: cell`, without empty cells, and without names that are empty."""
    parts = []
    for position, cell in enumerate(cells):
        name = names[position] if position < len(names) else ""
        if cell:
            parts.append(f"{name.rstrip(':')}: {cell}" if name and name != cell else cell)
    return "; ".join(parts)


def rows_of(table: LexborNode) -> list[str]:
    """Return a table's rows, or none if it only serves the layout."""
    if is_layout(table):
        return []
    rows = [cells_of(row) for row in table.css("tr")]
    rows = [row for row in rows if row]
    caption = table.css_first("caption")
    lead = [line(caption.text())] if caption else []
    if not rows:
        return lead
    has_names = all(cell.tag == "th" for cell in rows[0]) or table.css_first("thead") is not None
    names = texts(rows[0]) if has_names and len(rows) > 1 else []
    body = rows[1:] if names else rows
    return [*lead, *(labelled(names, row) for row in body)]


def is_layout(table: LexborNode) -> bool:
    if table.attributes.get("role") in {"presentation", "none"}:
        return True
    if any(part.mem_id != table.mem_id for part in table.css("table, h1, h2, h3")):
        return True
    widths = [len(cells_of(row)) for row in table.css("tr")]
    return max(widths, default=0) < 2


def cells_of(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in {"td", "th"}][:MAX_COLUMNS]


def texts(cells: Iterable[LexborNode]) -> list[str]:
    """Return the cells' texts, one for each column that a cell spans."""
    spread = []
    for cell in cells:
        span = cell.attributes.get("colspan") or "1"
        number = min(int(span), MAX_SPAN) if span.isdecimal() and span.isascii() else 1
        spread += [line(cell.text(separator=" "))] * max(number, 1)
    return spread


def labelled(names: list[str], row: list[LexborNode]) -> str:
    """Return a row; without names of columns, its own heading stands before its cells."""
    values = texts(row)
    if names or row[0].tag != "th" or len(values) < 2:
        return row_text(names, values)
    return f"{values[0].rstrip(':')}: {', '.join(filter(None, values[1:]))}"
