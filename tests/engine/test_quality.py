"""The media of a call at its end: asked for with the delete, reported once, never at the price of a session left."""

from __future__ import annotations

from dataclasses import replace

import rtpengine
from sbc.outputs import CallEnded, CallMeasured
from tests.kit.flows import hang_up, ring, talk
from tests.kit.node import FakeMedia, Node, config
from tests.media.test_quality import party


class Telling(FakeMedia):
    """An engine that tells of its streams, or says that it does not know the party."""

    def __init__(self, callee: int = 300, *, knows: bool = True) -> None:
        super().__init__()
        self.callee = callee
        self.knows = knows
        self.deletes: list[str] = []
        self.tags: list[str] = []

    def __call__(self, command: rtpengine.Command) -> rtpengine.Reply | None:
        """The reply to a command."""
        if isinstance(command, rtpengine.Offer) and command.from_tag not in self.tags:
            self.tags.append(command.from_tag)
        if isinstance(command, rtpengine.Answer) and command.to_tag not in self.tags:
            self.tags.append(command.to_tag)
        if not isinstance(command, rtpengine.Delete):
            return super().__call__(command)
        self.deletes.append(command.from_tag)
        if command.from_tag and not self.knows:
            return rtpengine.Reply({"result": b"ok", "warning": b"Call-ID not found or tags didn't match"})
        super().__call__(command)
        if not command.from_tag:
            return rtpengine.Reply({"result": b"ok"})
        a, b = self.tags
        return rtpengine.Reply({"result": b"ok", "tags": {a: party(a, 1, 310), b: party(b, 2, self.callee)}})


def node_with(engine: FakeMedia, *, quality: bool = True) -> Node:
    """A node that anchors media there."""
    settings = config(mode="anchor")
    node = Node(replace(settings, media=replace(settings.media, quality=quality)))
    node.media = engine
    return node


def measured(node: Node) -> CallMeasured:
    """The only report."""
    (event,) = node.events_of(CallMeasured)
    assert isinstance(event, CallMeasured)
    return event


def test_quality_follows_the_end_of_the_call() -> None:
    """By the same id, with a row for each leg."""
    engine = Telling()
    node = node_with(engine)
    talk(node, node.carrier, node.pbx)
    node.advance(10)
    hang_up(node, node.carrier, node.pbx)
    (end,) = node.events_of(CallEnded)
    assert isinstance(end, CallEnded)
    report = measured(node)
    assert (report.call, report.audio, report.unheard) == (end.call, "two-way", "")
    assert (report.caller.packets, report.callee.packets) == (310, 300)
    assert engine.sessions == set()
    assert len(engine.deletes) == 1
    node.assert_clean()


def test_a_callee_that_was_never_heard_is_named() -> None:
    """One-way audio is a fact that operators want to find without reading every call."""
    node = node_with(Telling(callee=0))
    talk(node, node.carrier, node.pbx)
    node.advance(10)
    hang_up(node, node.carrier, node.pbx)
    assert (measured(node).audio, measured(node).unheard) == ("one-way", "callee")


def test_an_engine_that_does_not_know_the_party_is_asked_to_forget_the_session() -> None:
    """10.5.3: an unknown tag deletes nothing, and says so in a warning."""
    engine = Telling(knows=False)
    node = node_with(engine)
    talk(node, node.carrier, node.pbx)
    hang_up(node, node.carrier, node.pbx)
    assert engine.deletes[1:] == [""]
    assert engine.sessions == set()
    assert node.events_of(CallMeasured) == []
    node.assert_clean()


def test_calls_that_nobody_answered_are_not_measured() -> None:
    """There is nothing to tell."""
    engine = Telling()
    node = node_with(engine)
    ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    assert engine.deletes == [""]
    assert node.events_of(CallMeasured) == []


def test_quality_can_be_spared() -> None:
    """`media.quality = false`."""
    engine = Telling()
    node = node_with(engine, quality=False)
    talk(node, node.carrier, node.pbx)
    hang_up(node, node.carrier, node.pbx)
    assert engine.deletes == [""]


def test_a_live_call_says_where_it_can_be_asked_about() -> None:
    """For `sbc calls show`."""
    engine = Telling()
    node = node_with(engine)
    talk(node, node.carrier, node.pbx)
    (row,) = node.engine.calls(node.now)
    session = node.engine.session(str(row["id"]))
    assert session is not None
    assert {session.name} == engine.sessions
    a, b = session.tags
    told = rtpengine.Reply({"result": b"ok", "tags": {a: party(a, 1, 5), b: party(b, 2, 0)}})
    assert session.rows(told, node.now.wall + 10) == {
        "audio": "one-way",
        "unheard": "callee",
        "caller": {"packets": 5, "octets": 860, "errors": 3},
        "callee": {"packets": 0, "octets": 0, "errors": 3},
    }
    assert node.engine.session("nobody") is None
