"""The code point of a realm's media, as each message to the engine says it."""

from __future__ import annotations

from dataclasses import replace

import rtpengine
from tests.kit.flows import talk
from tests.kit.node import CARRIER, PBX, FakeMedia, Node, config
from tests.kit.peer import sdp


def test_each_description_bears_the_mark_of_who_is_shown_it() -> None:
    """A message without TOS takes a call back to the engine's default, so that all have it (RFC 2474)."""
    settings = config(mode="anchor")
    realms = {
        "outside": replace(settings.realms["outside"], dscp_rtp=34),
        "inside": replace(settings.realms["inside"], dscp_rtp=0),
    }
    node = Node(replace(settings, realms=realms))
    fake, told = FakeMedia(), []

    def note(command: rtpengine.Command) -> rtpengine.Reply | None:
        if isinstance(command, rtpengine.Offer | rtpengine.Answer):
            told.append((command.name, command.to_dict()["TOS"]))
        return fake(command)

    node.media = note
    talk(node, node.carrier, node.pbx)
    assert told == [("offer", 0), ("answer", 136)]
    node.pbx.request("INVITE", sdp(PBX, 4100, version=2))
    node.carrier.reply(node.carrier.expect_request("INVITE"), 200, sdp(CARRIER, version=2))
    assert told[2:] == [("offer", 136), ("answer", 0)]
