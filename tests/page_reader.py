"""Reads the timeline page strictly: every tag closed in order, and every element findable."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import attrs

VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})


@attrs.mutable
class Element:
    """An element with its attributes, children and texts."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = attrs.field(factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and everything in it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def find(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of this tag; ``class_`` must be among the classes, other attributes must be equal."""
        wanted = attributes.pop("class_", None)
        return [
            element
            for element in self.walk()
            if element.tag == tag
            and (wanted is None or wanted in element.attributes.get("class", "").split())
            and all(element.attributes.get(name) == value for name, value in attributes.items())
        ]

    @property
    def text(self) -> str:
        """All text in it, with blanks put together."""
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join(" ".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#root", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            raise AssertionError(f"<{tag}> has an attribute twice: {names}")
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].tag != tag:
            raise AssertionError(f"</{tag}> closes <{self.open[-1].tag}> at {self.getpos()}")
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(html: str) -> Element:
    """The page's elements; an AssertionError if it is not well-formed."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.open != [reader.root]:
        raise AssertionError(f"left open: {[element.tag for element in reader.open[1:]]}")
    return reader.root
