"""A policy document as frozen values: what `policies.load` makes of the file and `evaluate` runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from policies.facts import Facts, Message

Predicate = Callable[[Facts], bool]
"""A compiled `when`."""


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to a request: exactly one of `route`, `reject` and `drop` is set; `media` goes with `route`."""

    route: tuple[str, ...] = ()
    """Trunk names, tried in this order."""
    reject: int = 0
    """The status to answer with; 0: not rejected."""
    drop: str = ""
    """The reason to count under; the request is not answered. Empty: not dropped."""
    media: str = ""
    """`anchor` or `bypass`; empty: as the node says."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when`: its text and what was compiled from it."""

    text: str
    test: Predicate
    syntax: Any = None
    """The tree (`policies.syntax.Node`), kept for `explain`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the policy: the first rule whose condition holds decides. Names are unique in a document."""

    name: str
    when: Condition
    then: Action
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """An exception to the default-deny of headers toward one realm, or toward one trunk where `trunk` is set.

    `realm` and `trunk` name the side that would *see* the header; an empty `realm` means every realm. `action` is
    `pass` or `drop`. The table of the topology room says what happens to headers without such a rule.
    """

    realm: str
    trunk: str
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class Translation:
    """A change of called numbers: those that come from a realm (`ingress`) or go to it (`egress`)."""

    name: str
    direction: str
    """`ingress`: before the rules look; `egress`: after a trunk was chosen."""
    realm: str
    """Empty: every realm."""
    trunk: str
    """Empty: every trunk of the realm."""
    match: str
    """The pattern, as written."""
    replace: str
    matches: Callable[[str], bool]
    change: Callable[[str], str]
    """Gives the new number; asked only where `matches`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A `[[test]]` of the document: a request given, a decision expected. Fields not expected are not compared."""

    name: str
    realm: str
    trunk: str | None
    """The trunk that the source speaks as, `""` for a stranger; None: as the node file says, else a stranger."""
    address: str
    port: int
    transport: str
    message: Message
    at: float
    """Wall time of the request, in seconds since 1970."""
    expect: tuple[tuple[str, str | int | tuple[str, ...]], ...]
    """(field of the Decision, value)."""


@dataclass(frozen=True, slots=True)
class Document:
    """A policy, complete and checked. Without rules everything gets `default`."""

    name: str
    default: Action
    rules: tuple[Rule, ...] = ()
    headers: tuple[HeaderRule, ...] = ()
    translations: tuple[Translation, ...] = ()
    tests: tuple[Trial, ...] = ()
    note: str = ""
    source: str = ""
    """The file it was read from."""
    text: str = ""
    """The TOML it was read from."""
