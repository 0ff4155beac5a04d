"""The words of conditions: the facts there are with their types, and the methods of text."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from policies.facts import Facts

Value = str | int | bool
Getter = Callable[[Facts], Value]


class Kind(Enum):
    """The types of the language; the value is their name in messages."""

    TEXT = "text"
    NUMBER = "a number"
    TRUTH = "true or false"


def kind_of(value: Value) -> Kind:
    """The type of a literal."""
    if isinstance(value, bool):
        return Kind.TRUTH
    return Kind.NUMBER if isinstance(value, int) else Kind.TEXT


FACTS: Final[dict[str, tuple[Kind, Getter]]] = {
    "source.realm": (Kind.TEXT, lambda facts: facts.source.realm),
    "source.trunk": (Kind.TEXT, lambda facts: facts.source.trunk),
    "source.stranger": (Kind.TRUTH, lambda facts: facts.source.stranger),
    "source.address": (Kind.TEXT, lambda facts: facts.source.address),
    "source.port": (Kind.NUMBER, lambda facts: facts.source.port),
    "source.transport": (Kind.TEXT, lambda facts: facts.source.transport),
    "message.method": (Kind.TEXT, lambda facts: facts.message.method),
    "message.user_agent": (Kind.TEXT, lambda facts: facts.message.user_agent),
    "message.uri.scheme": (Kind.TEXT, lambda facts: facts.message.uri.scheme),
    "message.uri.user": (Kind.TEXT, lambda facts: facts.message.uri.user),
    "message.uri.host": (Kind.TEXT, lambda facts: facts.message.uri.host),
    "message.uri.number": (Kind.TEXT, lambda facts: facts.message.uri.number),
    "message.from.scheme": (Kind.TEXT, lambda facts: facts.message.from_.scheme),
    "message.from.user": (Kind.TEXT, lambda facts: facts.message.from_.user),
    "message.from.host": (Kind.TEXT, lambda facts: facts.message.from_.host),
    "message.from.number": (Kind.TEXT, lambda facts: facts.message.from_.number),
    "message.to.scheme": (Kind.TEXT, lambda facts: facts.message.to.scheme),
    "message.to.user": (Kind.TEXT, lambda facts: facts.message.to.user),
    "message.to.host": (Kind.TEXT, lambda facts: facts.message.to.host),
    "message.to.number": (Kind.TEXT, lambda facts: facts.message.to.number),
}

METHODS: Final[dict[str, str]] = {
    "prefix": 'prefix("text")',
    "suffix": 'suffix("text")',
    "contains": 'contains("text")',
    "matches": 'matches("pattern")',
    "in_cidr": 'in_cidr("network", ...)',
}
"""The methods of text, and how each is written."""

FOREIGN: Final[dict[str, str]] = {
    "startsWith": "prefix",
    "endsWith": "suffix",
    "starts_with": "prefix",
    "ends_with": "suffix",
    "match": "matches",
    "cidr": "in_cidr",
    "inCidr": "in_cidr",
}
"""What other languages call them."""
