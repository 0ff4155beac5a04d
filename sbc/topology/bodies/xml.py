"""XML of event bodies, read by expat with everything refused that a body of SIP has no use for, and written anew.

No document type, no entities, no processing instructions: nothing can grow, nothing is fetched. Size, depth and number
of elements are bounded before a value is made of them.
"""

from __future__ import annotations

from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape, quoteattr

MAX_BYTES: Final = 65_536
MAX_ELEMENTS: Final = 4_000
MAX_DEPTH: Final = 16
MAX_ATTRIBUTES: Final = 32
MAX_TEXT: Final = 2_048
"""Characters of one element's text and of one attribute; longer ones are no names or numbers."""
_MOMENT: Final[frozenset[str]] = frozenset("0123456789-:.TtZz+")
_SHARE: Final[frozenset[str]] = frozenset("0123456789.")
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


class BodyRefused(ValueError):
    """A body that does not cross: not well-formed, over a bound, or of a kind that nobody may send here."""


class Element:
    """One element: `name` is its namespace, a space and its local name; `text` what stands directly in it."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name: Final = name
        self.attributes: Final = attributes
        self.children: Final[list[Element]] = []
        self.text = ""

    def get(self, name: str) -> str:
        """An attribute without namespace, or an empty string."""
        return self.attributes.get(name, "")

    def find(self, name: str) -> Element | None:
        """The first child of this name."""
        for child in self.children:
            if child.name == name:
                return child
        return None

    def all(self, name: str) -> list[Element]:
        """The children of this name."""
        return [child for child in self.children if child.name == name]

    def text_of(self, name: str) -> str:
        """The text of the first child of this name, without white space around it."""
        child = self.find(name)
        return child.text.strip() if child is not None else ""


class _Reader:
    """What expat calls; the open elements, innermost last."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH or len(attributes) > MAX_ATTRIBUTES:
            raise BodyRefused("XML over its bounds")
        if any(len(value) > MAX_TEXT for value in attributes.values()):
            raise BodyRefused("XML attribute over its bounds")
        element = Element(name, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        element = self._open[-1]
        if len(element.text) + len(data) > MAX_TEXT:
            raise BodyRefused("XML text over its bounds")
        element.text += data

    def refuse(self, *_: object) -> None:
        raise BodyRefused("XML with a document type, an entity or a processing instruction")


def parse_xml(data: bytes) -> Element:
    """The root element; raises BodyRefused for all that is not plain, small XML."""
    if len(data) > MAX_BYTES:
        raise BodyRefused("XML over its bounds")
    reader = _Reader()
    parser = ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.SkippedEntityHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except (ExpatError, UnicodeError) as error:
        raise BodyRefused(f"malformed XML: {error}") from error
    if reader.root is None:
        raise BodyRefused("XML without an element")
    return reader.root


def parse_document(body: bytes, namespace: str, name: str) -> Element:
    """The root of a document, which has to have this name; raises BodyRefused."""
    root = parse_xml(body)
    if root.name != f"{namespace} {name}":
        raise BodyRefused(f"no {name}")
    return root


def format_document(name: str, attributes: list[tuple[str, str]], *inside: str) -> bytes:
    """A document with this root, whose parts are written already."""
    return (DECLARATION + element(name, attributes, *inside)).encode()


def element(name: str, attributes: list[tuple[str, str]], *inside: str) -> str:
    """An element written out; attributes without a value are left out."""
    shown = "".join([f" {key}={quoteattr(value)}" for key, value in attributes if value])
    return f"<{name}{shown}>{''.join(inside)}</{name}>" if any(inside) else f"<{name}{shown}/>"


def text_element(name: str, text: str) -> str:
    """An element that holds only text; nothing where there is none."""
    return element(name, [], escape(text)) if text else ""


def word_of(text: str, known: frozenset[str]) -> str:
    """A known word in lower case, or an empty string."""
    word = text.strip().lower()
    return word if word in known else ""


def number_of(text: str, digits: int = 10) -> str:
    """A decimal number as it was written, or an empty string."""
    number = text.strip()
    return number if number.isascii() and number.isdigit() and len(number) <= digits else ""


def moment_of(text: str) -> str:
    """A date-time of RFC 3339, or an empty string."""
    moment = text.strip()
    return moment if len(moment) <= 40 and moment[:4].isdigit() and _MOMENT.issuperset(moment) else ""


def share_of(text: str) -> str:
    """A preference between 0 and 1 (RFC 3261 section 20.10), or an empty string."""
    share = text.strip()
    return share if len(share) <= 5 and share[:1] in ("0", "1") and _SHARE.issuperset(share) else ""
