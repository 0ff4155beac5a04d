"""Four parties for transfers: a carrier and a second one outside, a PBX with two lines and a second PBX inside."""

from __future__ import annotations

from dataclasses import replace

from policies import Action, Condition, Document, Rule
from sbc.config import Config, Target, Timers, Trunk
from sbc.sip import Request, Response, parse_uri
from tests.kit.flows import talk
from tests.kit.node import INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer, sdp

CARRIER2 = "198.51.100.20"
TO_CARRIER2, TO_PBX2, TO_NOBODY = "+497001", "+498001", "+499001"


def _to(prefix: str) -> Condition:
    return Condition(f'message.uri.user.prefix("{prefix}")', lambda facts: facts.message.uri.user.startswith(prefix))


def transfer_config(
    *, mode: str = "anchor", outside: str = "terminate", inside: str = "", timers: Timers | None = None
) -> Config:
    """The kit's configuration with routes by number, and what becomes of a REFER from either side."""
    base = config(mode=mode, timers=timers)
    rules = (
        Rule("nobody", _to("+499"), Action(reject=403)),
        Rule("to carrier 2", _to("+497"), Action(route=("carrier2",))),
        Rule("to pbx 2", _to("+498"), Action(route=("pbx2",))),
    )
    trunks = {
        **base.trunks,
        "carrier2": Trunk("carrier2", "outside", (Target(parse_uri(f"sip:{CARRIER2}")),)),
        "pbx2": Trunk("pbx2", "inside", (Target(parse_uri(f"sip:{PBX2}")),)),
    }
    realms = {
        "outside": replace(base.realms["outside"], refer=outside),
        "inside": replace(base.realms["inside"], refer=inside),
    }
    policy = Document(name="kit", default=base.policy.default, rules=rules + base.policy.rules)
    return replace(base, trunks=trunks, realms=realms, policy=policy)


class Transfers(Node):
    """The kit's node with two more parties, and a second line at the PBX."""

    def __init__(self, settings: Config | None = None) -> None:
        super().__init__(settings or transfer_config())
        self.carrier2 = self.peer("carriertwo", CARRIER2, OUTSIDE)
        self.pbx2 = self.peer("pbxtwo", PBX2, INSIDE)
        self.line2 = self.peer("linetwo", PBX, INSIDE, 5070)


def talking(settings: Config | None = None) -> Transfers:
    """The carrier talks to the PBX."""
    node = Transfers(settings)
    talk(node, node.carrier, node.pbx)
    return node


def accept_call(peer: Peer) -> Request:
    """The oldest message must be an INVITE with an offer; it is answered with 200, and its ACK taken."""
    invite = peer.expect_request("INVITE")
    peer.reply(invite, 200, sdp(peer.host))
    peer.expect_request("ACK")
    return invite


def refer(peer: Peer, target: str, extra: str = "") -> Request:
    """Send REFER in the peer's dialog; `target` is the URI for Refer-To."""
    return peer.request("REFER", extra=f"Refer-To: <{target}>\n{extra}")


def expect_notify(peer: Peer, status: int) -> Request:
    """The oldest message must be a NOTIFY that tells this status, and nothing more; it is answered."""
    notify = peer.expect_request("NOTIFY")
    assert notify.content_type == "message/sipfrag"
    assert notify.body.startswith(f"SIP/2.0 {status} ".encode()), notify.body
    assert notify.body.count(b"\r\n") == 1
    state = notify.require("Subscription-State")
    assert state.startswith("active" if status < 200 else "terminated"), state
    assert notify.require("Event").startswith("refer")
    peer.reply(notify, 200)
    return notify


def accept_reinvite(peer: Peer, version: int = 5, direction: str = "") -> Request:
    """The oldest message must be a re-INVITE with an offer; it is accepted, and its ACK taken."""
    reinvite = peer.expect_request("INVITE")
    assert reinvite.to_tag
    assert reinvite.body
    peer.reply(reinvite, 200, sdp(peer.host, direction=direction, version=version))
    assert peer.expect_request("ACK").body == b""
    return reinvite


def expect_bye(peer: Peer) -> None:
    """The oldest message must be a BYE; it is answered."""
    peer.reply(peer.expect_request("BYE"), 200)


def accepted(peer: Peer) -> Response:
    """The REFER was accepted, and a first NOTIFY came."""
    response = peer.expect_response(202)
    expect_notify(peer, 100)
    return response
