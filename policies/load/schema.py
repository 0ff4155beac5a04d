"""The shape of a policy document in TOML, down to values that the model can take as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from policies.compile import compile_condition
from policies.errors import PolicyErrors
from policies.facts import Message
from policies.load.request import parse_request
from policies.load.strict import NOT_YET, Table, refuse, refuse_all, shown
from policies.model import Condition

_REASON: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_OURS: Final[frozenset[str]] = frozenset(
    {
        "call-id",
        "contact",
        "content-length",
        "content-type",
        "cseq",
        "from",
        "max-forwards",
        "record-route",
        "route",
        "to",
        "via",
    }
)
_COMPACT: Final[dict[str, str]] = {
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "f": "From",
    "t": "To",
    "v": "Via",
}


def _text(value: object) -> Any:  # noqa: ANN401 - pydantic checks what comes out
    """A name for people and logs: one line, not empty, not long."""
    if isinstance(value, str) and not (value.strip() and value.isprintable() and len(value) <= 100):
        refuse(shown(value), allowed="one line of at most 100 characters, not empty")
    return value


Label = Annotated[str, BeforeValidator(_text)]


def _condition(value: object) -> Condition:
    if not isinstance(value, str):
        refuse(shown(value), allowed="a condition in quotes, such as 'message.method == \"INVITE\"'")
    if not value.strip():
        refuse("an empty condition", remedy="write 'true' for a rule that always holds")
    try:
        return compile_condition(value)
    except PolicyErrors as errors:
        refuse_all(list(errors.findings))


def _status(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, int) and not isinstance(value, bool) and not 400 <= value <= 699:
        refuse(shown(value), allowed="a final failure, 400 to 699")
    return value


def _reason(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, str) and not _REASON.fullmatch(value):
        refuse(shown(value), allowed="a counter's name: a-z, 0-9 and -, at most 40", remedy='such as "scanner"')
    return value


class ActionTable(Table):
    """`then` and `default`."""

    later: ClassVar[Mapping[str, str]] = {
        "score": "leave it out, and drop or reject instead",
        "limit": "leave it out, and limit the rate in front of the node",
        "challenge": "leave it out, and admit by source",
        "tarpit": "drop instead",
        "record": "leave it out",
        "identity": "leave it out",
        "privacy": "leave it out",
        "tag": "leave it out",
    }

    route: list[Label] | None = Field(default=None, min_length=1, max_length=16)
    reject: Annotated[int, BeforeValidator(_status)] | None = None
    drop: Annotated[str, BeforeValidator(_reason)] | None = None
    media: Literal["anchor", "bypass"] | None = None


class PolicyTable(Table):
    """`[policy]`."""

    later: ClassVar[Mapping[str, str]] = {"on_timeout": "leave it out: no fact of this version has to be waited for"}

    name: Label
    note: str = ""
    default: ActionTable


class RuleTable(Table):
    """`[[rule]]`."""

    name: Label
    note: str = ""
    when: Annotated[Condition, PlainValidator(_condition)]
    then: ActionTable


class NumberTable(Table):
    """`number` of a translation."""

    match: str
    replace: str


def _direction(value: object) -> Any:  # noqa: ANN401
    if value == "egress":
        refuse(f"{shown(value)} is {NOT_YET}", allowed='"ingress"', remedy="translate where the call comes in")
    return value


class TranslateTable(Table):
    """`[[translate]]`."""

    name: Label
    note: str = ""
    direction: Annotated[Literal["ingress"], BeforeValidator(_direction)]
    realm: Label | None = None
    trunk: Label | None = None
    number: NumberTable


def _header_name(value: object) -> Any:  # noqa: ANN401
    if not isinstance(value, str):
        return value
    if not _TOKEN.fullmatch(value):
        refuse(shown(value), allowed="the name of a SIP header")
    if _COMPACT.get(value.lower(), value).lower() in _OURS:
        refuse(f"{value} is written by the node itself on each side", remedy="it can be neither passed nor dropped")
    return value


class HeaderTable(Table):
    """`[[header]]`."""

    later: ClassVar[Mapping[str, str]] = {
        "value": "only action = pass and drop are performed",
        "direction": "name the realm or trunk that would see the header",
    }

    realm: Label | None = None
    trunk: Label | None = None
    name: Annotated[str, BeforeValidator(_header_name)]
    action: Literal["pass", "drop"]
    note: str = ""


def _instant(value: object) -> float:
    """A TOML date-time, or a string with one; without an offset it is UTC."""
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        refuse(shown(value), allowed="a date with a time, such as 2026-11-22T10:00:00Z")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _endpoint(value: object) -> tuple[str, int]:
    """`address` or `address:port`, IPv6 in brackets where a port follows."""
    host = value if isinstance(value, str) else ""
    port = "5060"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else rest or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        address = str(ip_address(host))
    except ValueError:
        address = ""
    if not (address and port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        refuse(shown(value), allowed='"198.51.100.10:5060", "[2001:db8::1]:5060" or an address alone')
    return address, int(port)


def _request(value: object) -> Message:
    if not isinstance(value, str):
        refuse(shown(value), allowed='a request in quotes, such as "INVITE sip:+493012345@example.net"')
    try:
        return parse_request(value)
    except PolicyErrors as errors:
        refuse_all(list(errors.findings))


class GivenTable(Table):
    """`given` of a test."""

    source: Annotated[tuple[str, int], PlainValidator(_endpoint)]
    realm: Label
    trunk: str | None = None
    transport: Literal["UDP", "TCP", "TLS", "WS", "WSS"] = "UDP"
    request: Annotated[Message, PlainValidator(_request)]
    at: Annotated[float, PlainValidator(_instant)] = 0.0


class ExpectTable(Table):
    """`expect` of a test: fields of the decision."""

    later: ClassVar[Mapping[str, str]] = {"score": NOT_YET, "limit": NOT_YET}

    rule: str | None = None
    route: list[str] | None = None
    reject: int | None = None
    drop: str | None = None
    media: Literal["anchor", "bypass", ""] | None = None
    called: str | None = None


class TestTable(Table):
    """`[[test]]`."""

    __test__ = False  # not one of pytest's

    name: Label
    note: str = ""
    given: GivenTable
    expect: ExpectTable


class DocumentFile(Table):
    """A whole policy document."""

    later: ClassVar[Mapping[str, str]] = {
        "list": "write the values into the condition: in [...] or in_cidr(...)",
        "lookup": "leave it out: no fact of this version has to be fetched",
        "include": "write one document",
    }

    policy: PolicyTable
    rule: list[RuleTable] = Field(default_factory=list, max_length=10000)
    translate: list[TranslateTable] = Field(default_factory=list, max_length=1000)
    header: list[HeaderTable] = Field(default_factory=list, max_length=1000)
    test: list[TestTable] = Field(default_factory=list, max_length=10000)
