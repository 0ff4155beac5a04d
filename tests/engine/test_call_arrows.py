"""The machine of a call as a table: each state, each input, what each side is told and where it leads.

The files beside this one say the same arrow by arrow. Here every pair of state and input has its line, so that an arrow
too many shows as well as one too few; and whatever came, an end behind it leaves nothing. UDP, an anchored call, one
target.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rtpengine
from sbc.call import Call, CallState
from sbc.outputs import MediaCommand
from sbc.sip import Request, format_message
from sbc.wire import Flow
from tests.engine.call_arrows import ARROWS
from tests.kit.flows import answer, ring
from tests.kit.node import INSIDE, PBX, FakeMedia, Node, config
from tests.kit.peer import Peer, sdp
from tests.kit.transfers import TO_PBX2, Transfers, transfer_config

UPDATES = "Allow: INVITE, UPDATE\n"
Engine = Callable[[rtpengine.Command], rtpengine.Reply | None]
FULL = rtpengine.Reply({"result": b"error", "error-reason": b"Ran out of ports"})


class Stage:
    """A call in one of its states. `asked` is the INVITE that the callee answers next, `owed` the command whose reply
    the call waits for.
    """

    def __init__(
        self, node: Node, asked: Request | None = None, owed: MediaCommand | None = None, media: Engine | None = None
    ) -> None:
        self.node = node
        self.asked = asked
        self.owed = owed
        self.media = media
        for peer in node.peers.values():
            peer.sees_copies = True
            peer.inbox.clear()
        node.commands.clear()

    @property
    def call(self) -> Call | None:
        """The call, while there is one."""
        return next(iter(self.node.engine.egress.calls.values()), None)


# States


def _node() -> Node:
    return Node(config(mode="anchor"))


def _slow(node: Node) -> Engine | None:
    """From now on the media engine thinks; here is what it would say."""
    media, node.media = node.media, None
    return media


def offering() -> Stage:
    """The media engine has the offer."""
    node = _node()
    media = _slow(node)
    node.carrier.invite(extra=UPDATES)
    return Stage(node, None, node.commands[0], media)


def inviting() -> Stage:
    """The callee has our INVITE and has said nothing."""
    node = _node()
    node.carrier.invite(extra=UPDATES)
    return Stage(node, node.pbx.expect_request("INVITE"))


def ringing() -> Stage:
    """It rings."""
    node = _node()
    return Stage(node, ring(node, node.carrier, node.pbx, extra=UPDATES))


def answering() -> Stage:
    """The callee has answered, the media engine thinks."""
    node = _node()
    invite = ring(node, node.carrier, node.pbx, extra=UPDATES)
    media = _slow(node)
    node.pbx.reply(invite, 200, sdp(PBX), extra=UPDATES)
    return Stage(node, invite, node.commands[0], media)


def answered() -> Stage:
    """The caller owes the ACK."""
    node = _node()
    invite = ring(node, node.carrier, node.pbx, extra=UPDATES)
    node.pbx.reply(invite, 200, sdp(PBX), extra=UPDATES)
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    return Stage(node, invite)


def talking() -> Stage:
    """Both talk."""
    stage = answered()
    stage.node.carrier.ack()
    return Stage(stage.node, stage.asked)


def changing() -> Stage:
    """The callee has a re-INVITE of the caller."""
    node = talking().node
    node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly", version=2))
    return Stage(node, node.pbx.expect_request("INVITE"))


def changed() -> Stage:
    """The caller owes the ACK to its re-INVITE."""
    stage = changing()
    assert stage.asked is not None
    stage.node.pbx.reply(stage.asked, 200, sdp(PBX, direction="recvonly", version=2))
    return Stage(stage.node, stage.asked)


def transferring() -> Stage:
    """The callee is to talk to somebody else, whom the caller has named."""
    node = Transfers(transfer_config(mode="anchor"))
    invite = ring(node, node.carrier, node.pbx, extra=UPDATES)
    answer(node, node.carrier, node.pbx, invite)
    node.carrier.request("REFER", extra=f"Refer-To: <sip:{TO_PBX2}@sbc.example.net>\n")
    node.pbx2.expect_request("INVITE")
    return Stage(node, invite)


def ended() -> Stage:
    """The caller has hung up, the callee has not answered the BYE."""
    stage = talking()
    stage.node.carrier.request("BYE")
    return Stage(stage.node, stage.asked)


STATES: dict[str, tuple[Callable[[], Stage], CallState, str]] = {
    "offering": (offering, CallState.OFFERING, "offering"),
    "inviting": (inviting, CallState.INVITING, "inviting"),
    "ringing": (ringing, CallState.INVITING, "inviting"),
    "answering": (answering, CallState.ANSWERING, "answering"),
    "answered": (answered, CallState.ANSWERED, "answered"),
    "talking": (talking, CallState.TALKING, "talking"),
    "changing": (changing, CallState.TALKING, "talking, changing"),
    "changed": (changed, CallState.TALKING, "talking"),
    "transferring": (transferring, CallState.TALKING, "talking, transferring"),
    "ended": (ended, CallState.ENDED, "gone"),
}
"""How each is reached, what it is, and how the table says it."""

# Inputs


def _asks(peer: Callable[[Node], Peer], method: str) -> Callable[[Stage], bool]:
    """A request of a peer in its dialog."""

    def put(stage: Stage) -> bool:
        who = peer(stage.node)
        if not who.remote_tag:
            return False
        extra = f"Refer-To: <sip:{TO_PBX2}@sbc.example.net>\n" if method == "REFER" else ""
        extra = "RAck: 1 1 INVITE\n" if method == "PRACK" else extra
        body = sdp(who.host, version=3) if method in ("INVITE", "UPDATE") else b""
        if method == "INFO":
            who.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
        else:
            who.request(method, body, extra=extra)
        return True

    return put


def _says(status: int, body: bool = False, tag: str = "") -> Callable[[Stage], bool]:
    """A response of the callee to the last INVITE it has."""

    def put(stage: Stage) -> bool:
        if stage.asked is None:
            return False
        pbx = stage.node.pbx
        extra = f"Contact: <sip:else@{PBX}>\n" if status == 302 else ""
        is_new = not stage.asked.to_tag
        pbx.reply(stage.asked, status, sdp(PBX, version=2) if body else b"", extra, tag=tag if is_new else "")
        return True

    return put


def _media(reply: rtpengine.Reply | None, is_good: bool = False) -> Callable[[Stage], bool]:
    """What the media engine says to what the call waits for."""

    def put(stage: Stage) -> bool:
        if stage.owed is None or stage.media is None:
            return False
        said = stage.media(stage.owed.command) if is_good else reply
        stage.node.act(stage.node.engine.media_reply(stage.owed.id, said, stage.node.now))
        return True

    return put


def _ack(stage: Stage) -> bool:
    if not stage.node.carrier.remote_tag:
        return False
    stage.node.carrier.ack()
    return True


def _cancel(stage: Stage) -> bool:
    stage.node.carrier.cancel()
    return True


def _copy(stage: Stage) -> bool:
    carrier = stage.node.carrier
    assert carrier.invite_sent is not None
    carrier.raw(format_message(carrier.invite_sent))
    return True


def _unreachable(stage: Stage) -> bool:
    stage.node.act(stage.node.engine.send_failed(Flow(INSIDE, "UDP", PBX, 5060), stage.node.now))
    return True


def _operator(stage: Stage) -> bool:
    if stage.call is None:
        return False
    stage.node.act(stage.node.engine.hangup(stage.call.id, stage.node.now))
    return True


def _seconds(seconds: float) -> Callable[[Stage], bool]:
    def put(stage: Stage) -> bool:
        for peer in stage.node.peers.values():
            peer.sees_copies = False  # what is repeated meanwhile is the transactions' and the answer's affair
        stage.node.advance(seconds)
        return True

    return put


def _caller(node: Node) -> Peer:
    return node.carrier


def _callee(node: Node) -> Peer:
    return node.pbx


INPUTS: dict[str, Callable[[Stage], bool]] = {
    "caller: ACK": _ack,
    "caller: CANCEL": _cancel,
    "caller: copy of its INVITE": _copy,
    **{f"caller: {method}": _asks(_caller, method) for method in ("BYE", "INVITE", "UPDATE", "INFO", "REFER", "PRACK")},
    "callee: 100": _says(100),
    "callee: 180": _says(180),
    "callee: 183 with SDP": _says(183, body=True),
    "callee: 200": _says(200, body=True),
    "callee: 200 without SDP": _says(200),
    "callee: 200 of another fork": _says(200, body=True, tag="other"),
    "callee: 302": _says(302),
    "callee: 481": _says(481),
    "callee: 486": _says(486),
    "callee: 503": _says(503),
    **{f"callee: {method}": _asks(_callee, method) for method in ("BYE", "INVITE", "UPDATE", "INFO", "PRACK")},
    "media: ok": _media(None, is_good=True),
    "media: refused": _media(FULL),
    "media: silent": _media(None),
    "callee unreachable": _unreachable,
    "operator": _operator,
    "40 s": _seconds(40),
    "4 minutes": _seconds(240),
}


def _told(peer: Peer, name: str) -> list[str]:
    found = []
    for message in peer.inbox:
        what = message.method if isinstance(message, Request) else str(message.status)
        kind = "" if isinstance(message, Request) or message.cseq.method == "INVITE" else f" {message.cseq.method}"
        found.append(f"{name} {what}{kind}")
    return found


def outcome(stage: Stage) -> str:
    """What came of an input: who was told what, and the state behind it."""
    node, call = stage.node, stage.call
    told = _told(node.carrier, "caller") + _told(node.pbx, "callee")
    if isinstance(node, Transfers):
        told += _told(node.pbx2, "third")
    told += [f"media {type(one.command).__name__.lower()}" for one in node.commands]
    state = "gone" if call is None else call.state.value
    if call is not None and call.modify is not None:
        state += ", changing"
    if call is not None and (call.referral is not None or call.join is not None):
        state += ", transferring"
    return f"{', '.join(told)} -> {state}"


def expect_nothing_left(stage: Stage) -> None:
    """The call is ended by command, its peers are silent, and time passes."""
    node = stage.node
    node.media = FakeMedia()
    for command in ([stage.owed] if stage.owed is not None else []) + node.commands:
        node.act(node.engine.media_reply(command.id, None, node.now))
    node.commands.clear()
    while (call := stage.call) is not None:
        node.act(node.engine.hangup(call.id, node.now))
    node.advance(400)
    egress = node.engine.egress
    assert (len(egress.dialogs), len(egress.transactions), egress.waiting, egress.trunks.places) == (0, 0, {}, 0)


PAIRS = [(state, given) for state in STATES for given in INPUTS]


@pytest.mark.parametrize(("state", "given"), PAIRS)
def test_each_input_in_each_state_does_what_the_table_says_and_leaves_nothing(state: str, given: str) -> None:
    """A pair without a line says nothing and changes nothing, or cannot be: its input has nothing to be about."""
    make, value, same = STATES[state]
    stage = make()
    before = stage.call
    assert (before.state if before is not None else CallState.ENDED) is value
    line = ARROWS[state].get(given, f" -> {same}")
    if INPUTS[given](stage):
        assert outcome(stage) == line
    else:
        assert given not in ARROWS[state]
    expect_nothing_left(stage)


def test_the_table_has_every_state_of_a_call_and_no_line_that_nothing_takes() -> None:
    """OUTSIDE is no call (`tests/engine/test_outside.py`)."""
    assert {value for _, value, _ in STATES.values()} == set(CallState) - {CallState.OUTSIDE}
    assert set(ARROWS) == set(STATES)
    assert all(set(lines) <= set(INPUTS) for lines in ARROWS.values())
    assert {given for lines in ARROWS.values() for given in lines} == set(INPUTS) - {"callee: 100"}
