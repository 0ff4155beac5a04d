"""Several media engines behind a node: a session stays on its engine, and finds another only before anybody heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rtpengine
from sbc.config import Engine
from sbc.media import MediaSession
from sbc.mint import Mint
from sbc.outputs import MediaCommand
from sbc.placement import Placement
from tests.kit.node import FakeMedia, Node, config
from tests.kit.peer import sdp

FULL = rtpengine.Reply({"result": b"load limit", "message": b"Parallel session limit reached"})
NO_PORTS = rtpengine.Reply({"result": b"error", "error-reason": b"Ran out of ports"})
BAD_SDP = rtpengine.Reply({"result": b"error", "error-reason": b"Failed to parse SDP"})


class Pooled:
    """A node with three engines; `answer` says what an engine does in the place of its work."""

    def __init__(self, count: int = 3) -> None:
        settings = config(mode="anchor")
        engines = tuple(Engine("192.0.2.9", 2220 + number) for number in range(count))
        self.node = Node(replace(settings, media=replace(settings.media, engines=engines)))
        self.node.media = None
        self.fake = FakeMedia()
        self.seen: list[tuple[int, str]] = []

    def serve(self, *refusing: rtpengine.Reply | None) -> None:
        """Answer what is asked: the first commands with `refusing`, the rest well."""
        replies = list(refusing)
        while self.node.commands:
            command = self.node.commands.pop(0)
            self.seen.append((command.engine, command.command.name))
            is_first = replies and not isinstance(command.command, rtpengine.Delete)
            reply = replies.pop(0) if is_first else self.fake(command.command)
            self.node.act(self.node.engine.media_reply(command.id, reply, self.node.now))

    def rows(self) -> list[dict[str, object]]:
        return self.node.engine.media_engines(self.node.now)


def answered(pooled: Pooled) -> None:
    """The PBX answers, and the carrier acknowledges."""
    invite = pooled.node.pbx.expect_request("INVITE")
    pooled.node.pbx.reply(invite, 200, sdp("10.20.0.5"))
    pooled.serve()
    pooled.node.pbx.expect_request("ACK")
    pooled.node.carrier.expect_response(200)
    pooled.node.carrier.ack()


def test_all_commands_of_a_session_go_to_one_engine() -> None:
    """An engine does not know what another one holds."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve()
    answered(pooled)
    pooled.node.carrier.request("BYE")
    pooled.serve()
    assert [name for _, name in pooled.seen] == ["offer", "answer", "delete"]
    assert len({engine for engine, _ in pooled.seen}) == 1


@pytest.mark.parametrize("refusal", [FULL, NO_PORTS])
def test_full_engine_is_passed_over_and_stays_in_the_pool(refusal: rtpengine.Reply) -> None:
    """`load limit` speaks of the engine, not of the call."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve(refusal)
    first, second = pooled.seen
    assert first[0] != second[0]
    assert second[1] == "offer"
    answered(pooled)
    assert sum(row["limited"] == 1 for row in pooled.rows()) == 1
    assert all(row["state"] == "up" for row in pooled.rows())


def test_silent_engine_is_told_to_forget_and_another_one_asked() -> None:
    """It may have done the work and only its reply was lost."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve(None)
    (first, _), (deleted, name), (second, again) = pooled.seen
    assert (deleted, name, again) == (first, "delete", "offer")
    assert second != first
    assert pooled.rows()[first]["state"] == "down"
    answered(pooled)


def test_call_fails_once_every_engine_has_been_tried() -> None:
    """RFC 3261 section 21.5.4."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve(FULL, FULL, FULL)
    assert {engine for engine, name in pooled.seen if name == "offer"} == {0, 1, 2}
    pooled.node.carrier.expect_response(503)


def test_refusal_that_speaks_of_the_call_is_not_shopped_around() -> None:
    """Another engine would say the same; it is the offer that is not acceptable (RFC 3261 section 21.4.26)."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve(BAD_SDP)
    assert [name for _, name in pooled.seen].count("offer") == 1
    pooled.node.carrier.expect_response(488)


def test_answer_that_meets_silence_goes_with_its_offer_to_another_engine() -> None:
    """Alone it is `Unknown call-id` anywhere else; the silent engine is told to forget the session."""
    pooled = Pooled()
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve()
    invite = pooled.node.pbx.expect_request("INVITE")
    pooled.node.pbx.reply(invite, 200, sdp("10.20.0.5"))
    pooled.serve(None)
    pooled.node.carrier.expect_response(200)
    (first, _), *rest = pooled.seen
    assert [name for _, name in rest] == ["answer", "delete", "offer", "answer"]
    assert [engine == first for engine, _ in rest] == [True, True, False, False]


def test_answer_that_no_engine_takes_ends_the_call() -> None:
    """RFC 3261 section 21.5.4; the callee has its ACK and a BYE."""
    pooled = Pooled(1)
    pooled.node.carrier.invite()
    pooled.node.carrier.expect_response(100)
    pooled.serve()
    invite = pooled.node.pbx.expect_request("INVITE")
    pooled.node.pbx.reply(invite, 200, sdp("10.20.0.5"))
    pooled.serve(None)
    pooled.node.carrier.expect_response(503)
    pooled.node.pbx.expect_request("ACK")
    pooled.node.pbx.expect_request("BYE")


def test_drained_engine_keeps_its_calls_and_gets_no_more() -> None:
    """Until it is enabled again."""
    pooled = Pooled(2)
    node = pooled.node
    node.act(node.engine.switch_media("192.0.2.9:2220", False, node.now))
    node.carrier.invite()
    node.carrier.expect_response(100)
    pooled.serve()
    assert pooled.seen[0][0] == 1
    answered(pooled)
    node.act(node.engine.switch_media("192.0.2.9:2221", False, node.now))
    assert [(row["state"], row["calls"]) for row in pooled.rows()] == [("drained", 0), ("drained", 1)]
    node.carrier.request("BYE")
    pooled.serve()
    assert pooled.seen[-1] == (1, "delete")


def test_pings_take_an_engine_out_and_bring_it_back() -> None:
    """Before a call has to find out."""
    pooled = Pooled(2)
    node = pooled.node
    node.act(node.engine.media_health(0, False, node.now))
    assert [row["state"] for row in pooled.rows()] == ["down", "up"]
    node.act(node.engine.media_health(0, True, node.now))
    assert [row["state"] for row in pooled.rows()] == ["up", "up"]


def test_commands_name_their_engine() -> None:
    """One engine, or the embedded one: always the first."""
    node = Node(config(mode="anchor"))
    node.media = None
    node.carrier.invite()
    assert [command.engine for command in node.commands if isinstance(command, MediaCommand)] == [0]


def able(*lacking: rtpengine.Feature) -> rtpengine.Capabilities:
    """An engine that owns up to what it lacks."""
    found = rtpengine.Capabilities()
    words: list[rtpengine.Value] = [feature.value.encode() for feature in lacking]
    found.learn_statistics(rtpengine.Reply({"result": b"ok", "statistics": {"lacking": words}}))
    return found


def test_engine_without_an_interface_of_the_call_is_passed_over() -> None:
    """It would show its first interface instead, and nobody would hear anything."""
    pooled = Pooled(2)
    node = pooled.node
    node.act(node.engine.media_known(0, frozenset({"out"}), able(), node.now))
    node.act(node.engine.media_known(1, frozenset({"out", "in"}), able(), node.now))
    for _ in range(8):
        node.peer("phone", f"198.51.100.{50 + _}", 0).invite()
    pooled.serve()
    assert {engine for engine, _ in pooled.seen} == {1}


def test_where_no_engine_has_it_one_is_asked_all_the_same() -> None:
    """The log has said it at the start; a late name in a listing must not stop all calls."""
    pooled = Pooled(2)
    node = pooled.node
    for engine in range(2):
        node.act(node.engine.media_known(engine, frozenset({"other"}), able(), node.now))
    node.carrier.invite()
    pooled.serve()
    node.pbx.expect_request("INVITE")


def test_offer_that_needs_transcoding_goes_to_who_can() -> None:
    """Known from the start, not from a call that failed."""
    placement = Placement(Pooled(2).node.config, Mint(bytes(16)))
    placement.know(0, frozenset(), able(rtpengine.Feature.TRANSCODING))
    placement.know(1, frozenset(), able())
    options = rtpengine.Options(codecs=rtpengine.Codecs(transcode=("PCMA",)))
    needs = rtpengine.Offer("c", "a", b"", options=options)
    chosen = {placement.engine_of(MediaSession("anchor", "c", ("a", "b"), ("", "")), needs, 1.0) for _ in range(20)}
    assert chosen == {1}
    plain = rtpengine.Offer("c", "a", b"")
    chosen = {placement.engine_of(MediaSession("anchor", "c", ("a", "b"), ("", "")), plain, 1.0) for _ in range(40)}
    assert chosen == {0, 1}
    assert (placement.lacks(0), placement.lacks(1)) == (["transcoding"], [])


def test_a_call_tells_which_engine_it_has_and_why_not_another() -> None:
    """In `sbc calls show`: the rule, the engine, who was passed over for want of what, and the codecs."""
    pooled = Pooled(2)
    node = pooled.node
    node.act(node.engine.media_known(0, frozenset({"out"}), able(), node.now))
    node.act(node.engine.media_known(1, frozenset({"out", "in"}), able(), node.now))
    node.carrier.invite()
    pooled.serve()
    answered(pooled)
    (row,) = node.engine.calls(node.now)
    shown = node.engine.call(str(row["id"]), node.now)
    assert shown is not None
    assert shown["explain"] == {
        "media": [
            f'anchored by the rule "{row["rule"]}"',
            "engine 192.0.2.9:2221",
            "192.0.2.9:2220 was passed over: it lacks an interface of this call",
            "SRTP with the caller: never",
            "SRTP with the callee: never",
        ],
        "codecs": ["caller offered pcma, telephone-event", "callee answered pcma, telephone-event"],
    }
