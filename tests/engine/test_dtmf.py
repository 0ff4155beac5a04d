"""INFO of a peer that presses no telephone events, toward one that takes nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rtpengine
from rtpengine import Flag
from sbc.config import Profile
from tests.kit.flows import hang_up, talk
from tests.kit.node import FakeMedia, Node, config

RELAY = "application/dtmf-relay"


class Edge:
    """A node whose carrier and PBX have these `dtmf` switches; what its media engine was asked."""

    def __init__(self, carrier: str, pbx: str, mode: str = "anchor") -> None:
        settings = config(mode=mode)
        for name, dtmf in (("outside", carrier), ("inside", pbx)):
            settings.realms[name] = replace(settings.realms[name], profile=Profile(dtmf=dtmf))
        self.node = Node(settings)
        self.asked: list[rtpengine.Command] = []
        engine = FakeMedia()

        def listen(command: rtpengine.Command) -> rtpengine.Reply | None:
            self.asked.append(command)
            return engine(command)

        self.node.media = listen
        talk(self.node, self.node.carrier, self.node.pbx)

    @property
    def pressed(self) -> list[rtpengine.PlayDtmf]:
        """The keys that the engine was to press."""
        return [command for command in self.asked if isinstance(command, rtpengine.PlayDtmf)]


@pytest.mark.parametrize("from_caller", [True, False])
def test_key_in_info_is_pressed_by_the_engine(from_caller: bool) -> None:
    """As the one who sent it; the engine was told of it in offer and answer, and the far side hears no INFO."""
    edge = Edge("info", "events") if from_caller else Edge("events", "info")
    node = edge.node
    sender, other = (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)
    sender.request("INFO", b"Signal=5\r\nDuration=160\r\n", content_type=RELAY)
    sender.expect_response(200)
    assert other.idle()
    (key,) = edge.pressed
    offer, answer = edge.asked[0], edge.asked[1]
    assert isinstance(offer, rtpengine.Offer)
    assert isinstance(answer, rtpengine.Answer)
    assert (key.code, key.duration) == ("5", 160)
    assert key.who.from_tag == (offer.from_tag if from_caller else answer.to_tag)
    assert Flag.INJECT_DTMF in offer.options.flags
    assert Flag.INJECT_DTMF in answer.options.flags
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_body_without_a_key_is_400() -> None:
    """Nothing to press."""
    edge = Edge("info", "events")
    edge.node.carrier.request("INFO", b"Signal=none\r\n", content_type=RELAY)
    edge.node.carrier.expect_response(400)
    assert edge.pressed == []


@pytest.mark.parametrize(("carrier", "mode"), [("any", "anchor"), ("info", "bypass")])
def test_where_no_engine_was_told_it_is_415_as_before(carrier: str, mode: str) -> None:
    """A peer that has events can press them itself; without an engine nobody can."""
    edge = Edge(carrier, "events", mode)
    edge.node.carrier.request("INFO", b"Signal=5\r\n", content_type=RELAY)
    edge.node.carrier.expect_response(415)
    assert edge.pressed == []


def test_key_that_the_engine_hears_is_said_in_info() -> None:
    """The other way round; the peer's answer is nobody's business, and a key of the other party is not said to it."""
    edge = Edge("info", "events")
    node = edge.node
    offer, answer = edge.asked[0], edge.asked[1]
    assert isinstance(offer, rtpengine.Offer)
    assert isinstance(answer, rtpengine.Answer)
    assert b"telephone-event" in offer.sdp
    for tag, key in ((offer.from_tag, "1"), (answer.to_tag, "#"), ("nobody", "2")):
        node.act(node.engine.key_heard(offer.call_id, tag, key, 160, node.now))
    node.act(node.engine.key_heard("no such session", answer.to_tag, "3", 160, node.now))
    info = node.carrier.expect_request("INFO")
    assert info.content_type == RELAY
    assert info.body == b"Signal=#\r\nDuration=160\r\n"
    node.carrier.reply(info, 200)
    assert node.carrier.idle()
    assert node.pbx.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_keys_that_nobody_wants_in_info_are_not_said() -> None:
    """Both have events."""
    edge = Edge("any", "events")
    offer = edge.asked[0]
    assert isinstance(offer, rtpengine.Offer)
    edge.node.act(edge.node.engine.key_heard(offer.call_id, offer.from_tag, "1", 160, edge.node.now))
    assert edge.node.carrier.idle()
    assert edge.node.pbx.idle()
