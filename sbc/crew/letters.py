"""What one worker hands to another, as bytes: a message with the flow it came by, or one to send by a connection."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final

from sbc.wire import Flow

_TRANSPORTS: Final = ("UDP", "TCP", "TLS", "WS", "WSS")
_HEAD: Final = struct.Struct("!BBBHHIHH")


class Letter(IntEnum):
    """What the receiver is to do."""

    RECEIVE = 1
    """It came to us and is yours."""
    SEND = 2
    """Send it; you have the connection."""
    FAILED = 3
    """What you gave us to send for this flow did not leave; the message is the reason."""
    MOVE = 4
    """A call is yours from now on, and the message that it goes to you for; `pack_call` has made one of the two."""
    ASK = 5
    """Which dialogs of yours are these? As `pack_questions` wrote them."""
    TELL = 6
    """These, as `pack_answers` wrote them."""
    INHERIT = 7
    """A call of the process before you is yours; as MOVE without a message."""
    NOTES = 8
    """What the process before you knows beside calls; as `pack_notes` wrote it."""
    STREAM = 9
    """A connection is yours: its descriptor comes with this, and what was read of a message that is not whole."""
    LISTENER = 10
    """From the supervisor: what has become of the listener that the flow names, where it is now, and its socket, if it
    is up; as `pack_listener` wrote it."""


def seal(kind: Letter, data: bytes, flow: Flow, writer: int = 0) -> bytes:
    """The letter; `writer` is the box of the process that it is from."""
    host = flow.host.encode()
    names = "\n".join(flow.names).encode()
    place = _TRANSPORTS.index(flow.transport)
    head = _HEAD.pack(kind, writer, place, flow.listener, flow.port, flow.connection, len(host), len(names))
    return head + host + names + data


def open_letter(letter: bytes) -> tuple[Letter, int, bytes, Flow]:
    """What `seal` was given. Raises ValueError for anything else."""
    try:
        kind, writer, place, listener, port, connection, host_length, names_length = _HEAD.unpack_from(letter)
        transport = _TRANSPORTS[place]
    except (struct.error, IndexError) as error:
        raise ValueError(str(error)) from None
    start = _HEAD.size
    host = letter[start : start + host_length].decode()
    names = letter[start + host_length : start + host_length + names_length].decode()
    data = letter[start + host_length + names_length :]
    flow = Flow(listener, transport, host, port, connection, tuple(names.split("\n")) if names else ())
    return Letter(kind), writer, data, flow


Homes = list[tuple[int, str, int, int]]
"""Stream peers: listener, host and port, and the box of whoever has the connection."""


def pack_call(call: str, record: bytes, message: bytes, homes: Homes) -> bytes:
    """What a MOVE brings."""
    head = json.dumps([call, len(record), homes]).encode()
    return b"%d\n%b%b%b" % (len(head), head, record, message)


def unpack_call(data: bytes) -> tuple[str, bytes, bytes, Homes]:
    """What `pack_call` was given. Raises ValueError for anything else."""
    length, _, rest = data.partition(b"\n")
    call, size, homes = json.loads(rest[: int(length)])
    body = rest[int(length) :]
    return (
        str(call),
        body[:size],
        body[size:],
        [(int(at), str(host), int(port), int(to)) for at, host, port, to in homes],
    )


Ids = tuple[str, ...]
"""Call-ID and two tags."""


def pack_questions(number: int, sender: str, viewer: str, questions: Sequence[Ids]) -> bytes:
    """What an ASK brings: dialogs as one realm has them, wanted as another one does."""
    return json.dumps([number, sender, viewer, questions]).encode()


def unpack_questions(data: bytes) -> tuple[int, str, str, list[Ids]]:
    """What `pack_questions` was given."""
    number, sender, viewer, questions = json.loads(data)
    return int(number), str(sender), str(viewer), [_ids(one) for one in questions]


def pack_answers(number: int, answers: Sequence[tuple[Ids, Ids]]) -> bytes:
    """What a TELL brings: of the questions those that have an answer, with it."""
    return json.dumps([number, answers]).encode()


def unpack_answers(data: bytes) -> tuple[int, list[tuple[Ids, Ids]]]:
    """What `pack_answers` was given."""
    number, answers = json.loads(data)
    return int(number), [(_ids(one), _ids(other)) for one, other in answers]


def pack_notes(engine: bytes, homes: Sequence[tuple[int, str, int, int]], led: Mapping[bytes, int]) -> bytes:
    """What NOTES bring: the engine's own, who has which connection, and which Call-IDs follow another message."""
    beside = json.dumps([list(homes), {call_id.decode("latin-1"): key for call_id, key in led.items()}]).encode()
    return b"%d\n%b%b" % (len(engine), engine, beside)


def unpack_notes(data: bytes) -> tuple[bytes, Homes, dict[bytes, int]]:
    """What `pack_notes` was given. Raises ValueError for anything else."""
    length, _, rest = data.partition(b"\n")
    homes, led = json.loads(rest[int(length) :])
    found = [(int(at), str(host), int(port), int(box)) for at, host, port, box in homes]
    return rest[: int(length)], found, {str(call).encode("latin-1"): int(key) for call, key in led.items()}


def pack_listener(serial: int, count: int, why: str) -> bytes:
    """What a LISTENER brings: of which change this is one of so many letters, and `why` it is not up."""
    return json.dumps([serial, count, why]).encode()


def unpack_listener(data: bytes) -> tuple[int, int, str]:
    """What `pack_listener` was given."""
    serial, count, why = json.loads(data)
    return int(serial), int(count), str(why)


def _ids(texts: list[object]) -> Ids:
    return tuple([str(text) for text in texts])
