"""A page read back: its tree, checked while it is read."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}


@dataclass
class Element:
    """`inside` holds its elements and texts in their order."""

    tag: str
    attributes: dict[str, str]
    inside: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text for each in self.inside)

    def all(self, tag: str) -> list["Element"]:
        """Those below it, in the order of the page."""
        found = []
        for each in self.inside:
            if isinstance(each, Element):
                found += [each] if each.tag == tag else []
                found += each.all(tag)
        return found


class Page(HTMLParser):
    """Raises AssertionError where a tag is closed that is not open, or is open at the end."""

    def __init__(self, html: str):
        super().__init__()
        self.html, self.root = html, Element("", {})
        self.elements: list[Element] = []
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root], f"{self._open[-1].tag} is open at the end"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> says something twice"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inside.append(element)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data):
        self._open[-1].inside.append(data)

    def section(self, name: str) -> Element:
        """The section of that name."""
        (found,) = [each for each in self.root.all("section") if each.attributes["aria-labelledby"] == name]
        return found

    def tables(self, name: str) -> list[tuple[str, list[dict[str, Element]]]]:
        """Caption and rows of each table of a section; cells by the head of their column. Titles of groups of rows are
        left out."""
        found = []
        for table in self.section(name).all("table"):
            head, *body = table.all("tr")
            names = [cell.text for cell in head.all("th")]
            body = [row for row in body if not any(cell.attributes["scope"] == "rowgroup" for cell in row.all("th"))]
            rows = [dict(zip(names, [*row.all("th"), *row.all("td")], strict=True)) for row in body]
            found.append((table.all("caption")[0].text, rows))
        return found


def by_run(rows: list[dict[str, Element]]) -> dict[str, dict[str, Element]]:
    """The cells of a table with a column a run: by run, then by the fact of the row."""
    (first, *runs) = rows[0]
    return {run: {row[first].text: row[run] for row in rows} for run in runs}


def number(cell: Element) -> float:
    """The number that a cell shows, whole."""
    return float(cell.all("data")[0].attributes["value"])


def numbers(cell: Element) -> list[float]:
    """That and the ends of its interval."""
    return [float(each.attributes["value"]) for each in cell.all("data")]
