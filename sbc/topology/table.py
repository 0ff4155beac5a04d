"""What the header table is made of, and the table itself, found by name.

A header crosses only where its row says so; a header without a row does not cross. The rows are data, in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag


class Action(Enum):
    """What happens to a header of one leg on its way to the other."""

    OWN = "own"
    """We write our own, or none; nothing crosses, and no policy changes that."""
    REWRITE = "rewrite"
    """It crosses with the hosts of its URIs replaced by the domain of the egress realm."""
    MAP = "map"
    """It crosses reduced to words and numbers that its RFC defines."""
    PASS = "pass"
    """It crosses as it is."""
    DROP = "drop"
    """It does not cross, unless a policy passes it by name."""


class Direction(Enum):
    """From which side to which: a realm is trusted or not (RFC 3324)."""

    OUTWARD = "outward"
    """From a trusted realm to one that is not."""
    INWARD = "inward"
    """From a realm that is not trusted to one that is."""
    WITHIN = "within"
    """From one trusted realm to another."""
    SIDEWAYS = "sideways"
    """From one realm that is not trusted to another."""


class Kind(IntFlag):
    """Kinds of message, for rows that hold for some only."""

    INVITE = 1
    ACK = 2
    BYE = 4
    CANCEL = 8
    INFO = 16
    EVENT = 32
    """SUBSCRIBE, NOTIFY and PUBLISH."""
    REFER = 64
    MESSAGE = 128
    OTHER = 256
    """OPTIONS, PRACK, UPDATE, REGISTER and methods we do not know."""
    PROVISIONAL = 512
    SUCCESS = 1024
    FAILURE = 2048
    """3xx to 6xx."""
    REQUESTS = 511
    RESPONSES = 3584
    ALL = 4095


class Value(Enum):
    """How the value that crosses is made, where it is not the peer's own text; each has a function in `values`."""

    VERBATIM = "verbatim"
    IDENTITY = "identity"
    PARTY = "party"
    REASON = "reason"
    NUMBER = "number"
    PRIVACY = "privacy"
    PRIORITY = "priority"
    ALERT = "alert"
    EVENT = "event"
    STATE = "state"
    TOKEN = "token"
    DISPOSITION = "disposition"
    HISTORY = "history"
    WARNING = "warning"
    USER_DATA = "user-data"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Row:
    """One header: what happens to it in each direction, in which kinds of message it may cross at all, and why."""

    name: str
    outward: Action
    inward: Action
    within: Action
    sideways: Action
    kinds: Kind
    value: Value
    rfc: str
    note: str

    def action(self, direction: Direction) -> Action:
        """What happens in this direction, in the kinds of message where it may cross at all."""
        match direction:
            case Direction.OUTWARD:
                return self.outward
            case Direction.INWARD:
                return self.inward
            case Direction.WITHIN:
                return self.within
            case Direction.SIDEWAYS:
                return self.sideways


def own(name: str, rfc: str, note: str) -> Row:
    """A header that we write ourselves."""
    own = Action.OWN
    return Row(name, own, own, own, own, Kind.ALL, Value.VERBATIM, rfc, note)


def drop(name: str, rfc: str, note: str, value: Value = Value.VERBATIM) -> Row:
    """A header that does not cross. `value` makes what a policy may pass."""
    drop = Action.DROP
    return Row(name, drop, drop, drop, drop, Kind.ALL, value, rfc, note)


def mapped(name: str, value: Value, kinds: Kind, rfc: str, note: str) -> Row:
    """A header that crosses everywhere, reduced to known words."""
    here = Action.MAP
    return Row(name, here, here, here, here, kinds, value, rfc, note)


def trusted(name: str, value: Value, kinds: Kind, rfc: str, note: str, *, inward: bool = False) -> Row:
    """A header that crosses between trusted realms only; `inward`: into one from any other as well."""
    action = Action.REWRITE if value in (Value.IDENTITY, Value.PARTY, Value.HISTORY) else Action.MAP
    if value is Value.VERBATIM:
        action = Action.PASS
    return Row(name, Action.DROP, action if inward else Action.DROP, action, Action.DROP, kinds, value, rfc, note)
