"""A worker's process that makes room for the next one while both live: what it has not, and what it need not keep.

The one that goes reads on, and does first what it always did: a message of a transaction or dialog of its own is dealt
with. Everything else is for the one that comes, and is handed on as it came. Calls that are up and in no exchange go
there too, as records; the rest follows as it comes to rest, and what never does ends here. So nobody has to know in
advance which of the two a message is for, and each message is looked at in one order only.

Not for: sockets and letters (`sbc/supervisor`), or which calls other workers get (`sbc/moving`).
"""

from __future__ import annotations

import json
from typing import Final

from sbc.adopter import Adopter
from sbc.adoption import pack_moved, take
from sbc.call import Binding, Call, CallState
from sbc.egress import Egress
from sbc.moving import Moves, is_occupied, is_up, named_tags
from sbc.outputs import SUCCESSOR, HandOver
from sbc.sip import Request
from sbc.wire import Flow

_NOWHERE: Final = Flow(0, "UDP", "", 0)


class Relief:
    """Both sides of it: `leave` and `stay` for the one that goes, `inherit` and `read` for the one that comes."""

    def __init__(self, egress: Egress, adopter: Adopter, moves: Moves) -> None:
        self._egress: Final = egress
        self._adopter: Final = adopter
        self._moves: Final = moves
        self.given = 0
        """Calls that went to the next process."""
        self.inherited = 0
        """Calls that came from the one before."""

    # The one that goes

    @property
    def is_leaving(self) -> bool:
        """True while what is not ours is handed on."""
        return self._moves.is_leaving

    @property
    def is_empty(self) -> bool:
        """True once nothing is left that a message could be for."""
        return not self._egress.calls and not len(self._egress.transactions)

    def leave(self) -> None:
        """Hand on what is not ours from now on."""
        self._moves.is_leaving = True

    def stay(self) -> None:
        """Keep everything again: there is no next one."""
        self._moves.is_leaving = False

    def passes_request(self, request: Request, data: bytes, flow: Flow) -> bool:
        """Whether a request that no transaction knows and that is in no dialog of ours was handed on.

        One that names a dialog of ours (RFC 3891, RFC 3911, RFC 4538) is dealt with where that is.
        """
        if any(self._egress.dialogs.has_tag(tag) for tag in named_tags(request)):
            return False
        self.pass_on(data, flow)
        return True

    def pass_on(self, data: bytes, flow: Flow) -> None:
        """Hand a message on as it came."""
        self._egress.outputs.append(HandOver(SUCCESSOR, data, flow))

    def give(self, most: int) -> int:
        """Hand on calls that rest, so many at most; how many those were."""
        given = 0
        for call in list(self._egress.calls.values()):
            if given >= most:
                break
            if _rests(call) and not self._moves.holds(call):
                self._give(call)
                given += 1
        self.given += given
        return given

    def _give(self, call: Call) -> None:
        egress, media = self._egress, call.media
        names = egress.placement.names
        place = media.engine if media is not None else -1
        engine = names[place] if 0 <= place < len(names) else ""
        record = pack_moved(call, take(call, engine, egress.now))
        for leg in (call.a, call.b):
            if leg is not None and leg.dialog is not None:
                egress.forget(leg.dialog)
        call.state, call.media = CallState.ENDED, None
        egress.ended(call)
        egress.arm(call)
        egress.outputs.append(HandOver(SUCCESSOR, b"", _NOWHERE, call.id, record))

    def notes(self) -> bytes:
        """What the next process should know beside calls: registrations that came through us, ours at trunks, calls
        that other workers have from us, and the key of values that stay the same for the same seed.
        """
        egress = self._egress
        now = egress.now.monotonic
        kept = egress.bindings.all(now)
        bindings = [[one.token, one.uri, one.realm, one.expires - now, *_flow_fields(one.flow)] for one in kept]
        return json.dumps(
            {
                "bindings": bindings,
                "records": [one.record for one in kept],
                "contacts": egress.own_contacts,
                "moved": self._moves.moved,
                "key": egress.mint.stable_key.hex(),
            }
        ).encode()

    # The one that comes

    def inherit(self, call: str, record: bytes) -> None:
        """A call that the process before us hands on, or one of ours that could not be handed on."""
        if self._adopter.take_over(call, record, keeps_contacts=True) is not None:
            self.inherited += 1

    def read(self, notes: bytes) -> None:
        """What `notes` has written; later ones add to earlier ones. Raises ValueError for anything else."""
        found = json.loads(notes)
        egress = self._egress
        now = egress.now.monotonic
        records = found.get("records", [])  # an older version does not tell
        for index, (token, uri, realm, seconds, listener, transport, host, port) in enumerate(found["bindings"]):
            flow = Flow(int(listener), str(transport), str(host), int(port))
            record = str(records[index]) if index < len(records) else ""
            egress.bindings.confirm(Binding(str(token), str(uri), str(realm), flow, now + float(seconds), record), now)
        for token, (trunk, user) in found["contacts"].items():
            egress.own_contacts.setdefault(str(token), (str(trunk), str(user)))
        self._moves.expect({str(tag): int(slot) for tag, slot in found["moved"].items()})
        egress.mint.keep_key(bytes.fromhex(found["key"]))


def _rests(call: Call) -> bool:
    """Up, and in no exchange: what a record holds is all there is."""
    is_alone = call.state is CallState.TALKING and call.referral is None
    return is_alone and is_up(call) and not is_occupied(call)


def _flow_fields(flow: Flow) -> list[object]:
    return [flow.listener, flow.transport, flow.host, flow.port]
