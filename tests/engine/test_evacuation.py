"""Loss of a media engine in mid-call: re-INVITE on both legs, and the call goes on with another one, or ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rtpengine
from sbc.config import Engine
from sbc.evacuation import AGAIN, PATIENCE
from sbc.outputs import CallEnded, CallReanchored, MediaCommand, MediaEngineLost, Output
from sbc.sip import Request
from tests.kit.flows import assert_no_leak, hang_up, ring, talk
from tests.kit.node import CARRIER, PBX, FakeMedia, Node, config
from tests.kit.peer import Peer, sdp


class Pool:
    """Engines that keep their own sessions; one that was killed says nothing."""

    def __init__(self, count: int = 2) -> None:
        settings = config(mode="anchor")
        engines = tuple(Engine("192.0.2.9", 2220 + number) for number in range(count))
        self.node = Node(replace(settings, media=replace(settings.media, engines=engines if count > 1 else ())))
        self.node.media = None
        self.engines = [FakeMedia() for _ in range(count)]
        for number, engine in enumerate(self.engines):
            engine.first += 1000 * number
        self.dead: set[int] = set()
        self._act = self.node.act
        self.node.act = self.act  # type: ignore[method-assign]

    def act(self, outputs: list[Output]) -> None:
        """As the node does, with the engines at work."""
        self._act(outputs)
        self.serve()

    def serve(self) -> None:
        """Every command finds its engine; a dead one lets its commands wait."""
        held: list[MediaCommand] = []
        while self.node.commands:
            command = self.node.commands.pop(0)
            if command.engine in self.dead:
                held.append(command)
                continue
            reply = self.engines[command.engine](command.command)
            self.node.act(self.node.engine.media_reply(command.id, reply, self.node.now))
        self.node.commands += held

    def time_out(self) -> None:
        """The client gives up what a dead engine has not answered."""
        waiting, self.node.commands = self.node.commands, []
        for command in waiting:
            self.node.act(self.node.engine.media_reply(command.id, None, self.node.now))

    @property
    def busy(self) -> list[int]:
        """Sessions at each engine."""
        return [len(engine.sessions) for engine in self.engines]

    @property
    def home(self) -> int:
        """The engine that has the only session."""
        return self.busy.index(1)

    def kill(self, silent: float = 0.0) -> int:
        """The engine of the only call dies, and the node learns of it."""
        dead = self.home
        self.dead.add(dead)
        self.engines[dead].sessions.clear()
        self.node.act(self.node.engine.media_lost(dead, silent, self.node.now))
        self.node.advance(0.05)
        return dead

    def assert_clean(self) -> None:
        """Nothing is left anywhere."""
        self.time_out()
        assert self.busy == [0] * len(self.engines)
        self.node.assert_clean()


@pytest.fixture
def pool() -> Pool:
    """Two engines."""
    return Pool()


def port_of(message: Request) -> int:
    """The port of the first m-line."""
    return int(message.body.partition(b"m=audio ")[2].split(b" ")[0])


def agree(peer: Peer, body: bytes | None = None) -> Request:
    """A peer takes the re-INVITE."""
    invite = peer.expect_request("INVITE")
    assert invite.to_tag
    peer.reply(invite, 200, sdp(peer.host) if body is None else body)
    peer.expect_request("ACK")
    return invite


def ended(node: Node) -> str:
    """The cause of the only call's end."""
    (event,) = node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    return event.cause


def test_both_peers_are_offered_the_new_engine_and_the_call_goes_on(pool: Pool) -> None:
    """RFC 3261 section 14.1: a re-INVITE to each with the other's description, ports of the new engine in it."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    dead = pool.kill(silent=4.0)
    to_carrier = agree(node.carrier)
    to_pbx = agree(node.pbx)
    alive = 1 - dead
    for invite in (to_carrier, to_pbx):
        assert port_of(invite) // 1000 == pool.engines[alive].first // 1000
        assert b"a=rtpmap:8 PCMA/8000" in invite.body
    assert port_of(to_carrier) != port_of(to_pbx)
    assert pool.busy[alive] == 1
    (lost,) = node.events_of(MediaEngineLost)
    assert isinstance(lost, MediaEngineLost)
    assert lost.calls == 1
    (moved,) = node.events_of(CallReanchored)
    assert isinstance(moved, CallReanchored)
    assert moved.engine == f"192.0.2.9:{2220 + alive}"
    assert 4.0 <= moved.silence < 4.2
    assert_no_leak(node)
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_a_moved_call_can_be_changed_and_moved_again(pool: Pool) -> None:
    """The new session is as good as the first one."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    first = pool.kill()
    agree(node.carrier)
    agree(node.pbx)
    node.carrier.request("INVITE", sdp(CARRIER, 4444, version=2))
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    pool.dead.clear()
    node.act(node.engine.media_health(first, True, node.now))
    assert pool.kill() == 1 - first
    agree(node.carrier, sdp(CARRIER, 4444, version=2))
    agree(node.pbx, sdp(PBX, version=2))
    assert pool.home == first
    hang_up(node, node.pbx, node.carrier)
    pool.assert_clean()


def test_a_call_on_hold_stays_on_hold(pool: Pool) -> None:
    """RFC 3264 section 8.4: who holds is asked to receive, who is held to send nothing more than before."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(CARRIER, direction="sendonly", version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX, direction="recvonly", version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    pool.kill()
    to_holder = agree(node.carrier, sdp(CARRIER, direction="sendonly", version=2))
    to_held = agree(node.pbx, sdp(PBX, direction="recvonly", version=2))
    assert b"a=recvonly" in to_holder.body
    assert b"a=sendonly" in to_held.body
    assert len(node.events_of(CallReanchored)) == 1
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


@pytest.mark.parametrize(("status", "who"), [(488, "carrier"), (500, "pbx"), (481, "pbx")])
def test_a_peer_that_refuses_ends_the_call_with_a_cause(pool: Pool, status: int, who: str) -> None:
    """Silence for both, with nobody told, is worse than an end."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    if who == "pbx":
        agree(node.carrier)
    refuser = node.carrier if who == "carrier" else node.pbx
    refuser.reply(refuser.expect_request("INVITE"), status)
    refuser.expect_request("ACK")
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    side = "caller" if who == "carrier" else "callee"
    assert ended(node) == f"media engine lost, {side} said {status}"
    pool.assert_clean()


@pytest.mark.parametrize(("status", "extra"), [(491, ""), (500, "Retry-After: 1")])
def test_glare_is_tried_again(pool: Pool, status: int, extra: str) -> None:
    """RFC 3261 sections 14.1 and 14.2."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    node.carrier.reply(node.carrier.expect_request("INVITE"), status, extra=extra)
    node.carrier.expect_request("ACK")
    assert node.carrier.idle()
    node.advance(4.5)
    agree(node.carrier)
    agree(node.pbx)
    assert len(node.events_of(CallReanchored)) == 1
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_a_reinvite_of_a_peer_meets_491_while_the_call_moves(pool: Pool) -> None:
    """RFC 3261 section 14.2."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    moving = node.carrier.expect_request("INVITE")
    node.carrier.request("INVITE", sdp(CARRIER, version=2))
    node.carrier.expect_response(491)
    node.carrier.reply(moving, 200, sdp(CARRIER))
    node.carrier.expect_request("ACK")
    agree(node.pbx)
    assert len(node.events_of(CallReanchored)) == 1


def test_a_reinvite_under_way_is_refused_and_the_call_moves(pool: Pool) -> None:
    """Its answer has nobody to go to: 500, and then both have what they had, at another engine."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(CARRIER, 4444, version=2))
    theirs = node.pbx.expect_request("INVITE")
    pool.kill()
    node.pbx.reply(theirs, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    failure = node.carrier.expect_response(500)
    node.carrier.ack_failure(failure)
    node.advance(1.0)
    agree(node.carrier)
    again = agree(node.pbx)
    assert b"m=audio" in again.body
    assert len(node.events_of(CallReanchored)) == 1
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_an_exchange_with_the_dead_engine_is_not_waited_for(pool: Pool) -> None:
    """The command on its way will have no reply."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.dead.add(pool.home)
    node.carrier.request("INVITE", sdp(CARRIER, 4444, version=2))
    assert node.pbx.idle()
    pool.kill()
    node.carrier.ack_failure(node.carrier.expect_response(500))
    node.advance(1.0)
    agree(node.carrier)
    agree(node.pbx)
    hang_up(node, node.carrier, node.pbx)
    pool.time_out()
    assert pool.busy == [0, 0]


def test_a_call_that_rings_is_answered_by_another_engine(pool: Pool) -> None:
    """The callee rings on; its answer meets the caller's offer elsewhere, and both are told once the call is up."""
    node = pool.node
    invite = ring(node, node.carrier, node.pbx)
    dead = pool.kill()
    assert pool.busy[1 - dead] == 1
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    shown = node.carrier.expect_response(200)
    assert int(shown.body.partition(b"m=audio ")[2].split(b" ")[0]) // 1000 == pool.engines[1 - dead].first // 1000
    node.carrier.ack()
    node.advance(AGAIN + 0.2)
    agree(node.carrier)
    agree(node.pbx)
    assert len(node.events_of(CallReanchored)) == 1
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


@pytest.mark.parametrize("is_known", [False, True])
def test_an_answer_that_meets_a_dead_engine_is_given_by_another(pool: Pool, is_known: bool) -> None:
    """The caller hears 200 with the other one's address; both are told once the call is up."""
    node = pool.node
    invite = ring(node, node.carrier, node.pbx)
    dead = pool.home
    pool.dead.add(dead)
    pool.engines[dead].sessions.clear()
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    if is_known:
        node.act(node.engine.media_lost(dead, 0.0, node.now))
    else:
        pool.time_out()
    shown = node.carrier.expect_response(200)
    assert int(shown.body.partition(b"m=audio ")[2].split(b" ")[0]) // 1000 == pool.engines[1 - dead].first // 1000
    node.carrier.ack()
    node.advance(AGAIN + 0.2)
    agree(node.carrier)
    agree(node.pbx)
    assert len(node.events_of(CallReanchored)) == 1
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_a_call_that_rings_may_end_as_ever(pool: Pool) -> None:
    """CANCEL, after its engine was lost."""
    node = pool.node
    ring(node, node.carrier, node.pbx)
    pool.kill()
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    cancel = node.pbx.expect_request("CANCEL")
    node.pbx.reply(cancel, 200)
    assert node.pbx.invite_got is not None
    node.pbx.reply(node.pbx.invite_got, 487)
    node.pbx.expect_request("ACK")
    pool.assert_clean()


def test_an_early_session_that_cannot_be_repeated_ends_with_503(pool: Pool) -> None:
    """A late offer in a reliable 18x: who offered what is not to be told again before the call is up."""
    node = pool.node
    node.carrier.invite(body=b"", extra="Supported: 100rel\n")
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 183, sdp(PBX), extra="Require: 100rel\nRSeq: 1")
    early = node.carrier.expect_response(183)
    node.carrier.request("PRACK", sdp(CARRIER), extra=f"RAck: {early.require('RSeq')} {early.cseq}\n")
    node.pbx.reply(node.pbx.expect_request("PRACK"), 200)
    node.carrier.expect_response(200)
    pool.kill()
    node.carrier.ack_failure(node.carrier.expect_response(503))
    assert ended(node) == "media engine lost"


def test_a_call_whose_caller_owes_the_ack_moves_after_it(pool: Pool) -> None:
    """RFC 3261 section 14.1: no INVITE while another one is not done."""
    node = pool.node
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    pool.kill()
    assert node.carrier.idle()
    node.carrier.ack()
    node.advance(AGAIN + 0.2)
    agree(node.carrier)
    agree(node.pbx)
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_a_new_call_does_not_wait_for_the_dead_engine(pool: Pool) -> None:
    """Its offer goes to another one at once, not when the client gives up."""
    node = pool.node
    pool.dead = {0, 1}
    node.carrier.invite()
    node.carrier.expect_response(100)
    (command,) = node.commands
    pool.dead = {command.engine}
    node.act(node.engine.media_lost(command.engine, 0.0, node.now))
    node.pbx.expect_request("INVITE")
    assert pool.home == 1 - command.engine


def test_calls_wait_for_the_only_engine_to_come_back() -> None:
    """The embedded engine is started again within a second."""
    pool = Pool(1)
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    assert node.carrier.idle()
    node.advance(1.5)
    pool.dead.clear()
    node.act(node.engine.media_health(0, True, node.now))
    node.advance(0.1)
    agree(node.carrier)
    agree(node.pbx)
    (moved,) = node.events_of(CallReanchored)
    assert isinstance(moved, CallReanchored)
    assert 1.5 < moved.silence < 1.8
    assert moved.engine == "embedded"
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_calls_end_where_no_engine_comes_back() -> None:
    """After a while nobody listens any more."""
    pool = Pool(1)
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    node.advance(PATIENCE - 2)
    assert node.carrier.idle()
    node.advance(4)
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    assert ended(node) == "media engine lost"
    pool.assert_clean()


def test_a_bye_meanwhile_ends_the_call(pool: Pool) -> None:
    """Of either peer, before both have the new engine; nothing is left at any engine."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    pool.kill()
    agree(node.carrier)
    moving = node.pbx.expect_request("INVITE")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    assert ended(node) == "bye"
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.pbx.reply(moving, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    pool.assert_clean()


def test_no_more_than_a_few_calls_move_at_a_time() -> None:
    """A thousand calls must not meet their peers, or the engine that is left, in one moment."""
    pool = Pool()
    node = pool.node
    callers = [node.peer(f"phone{number}", f"198.51.100.{100 + number}", 0) for number in range(30)]
    node.act(node.engine.switch_media("192.0.2.9:2221", False, node.now))
    for caller in callers:
        talk(node, caller, node.pbx)
    node.act(node.engine.switch_media("192.0.2.9:2221", True, node.now))
    assert pool.busy == [30, 0]
    pool.dead.add(0)
    node.act(node.engine.media_lost(0, 0.0, node.now))
    begun = []
    for _ in range(4):
        node.advance(0.1)
        begun.append(sum(not caller.idle() for caller in callers))
    assert begun == [10, 20, 30, 30]


def test_sessions_of_other_engines_are_left_alone(pool: Pool) -> None:
    """Only who has lost its engine is moved."""
    node = pool.node
    talk(node, node.carrier, node.pbx)
    node.act(node.engine.media_lost(1 - pool.home, 0.0, node.now))
    node.advance(5)
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)
    pool.assert_clean()


def test_bypassed_media_have_no_engine_to_lose() -> None:
    """They go on."""
    node = Node(config(mode="bypass"))
    talk(node, node.carrier, node.pbx)
    node.act(node.engine.media_lost(0, 0.0, node.now))
    node.advance(5)
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)


def test_silent_new_engine_is_passed_over() -> None:
    """Of three engines the second one chosen is dead as well, and nobody has noticed."""
    pool = Pool(3)
    node = pool.node
    talk(node, node.carrier, node.pbx)
    dead = pool.home
    pool.dead = {0, 1, 2}
    node.act(node.engine.media_lost(dead, 0.0, node.now))
    node.advance(0.05)
    offers = [command for command in node.commands if isinstance(command.command, rtpengine.Offer)]
    (offer,) = offers
    third = ({0, 1, 2} - {dead, offer.engine}).pop()
    pool.dead = {dead, offer.engine}
    pool.time_out()
    agree(node.carrier)
    agree(node.pbx)
    assert len(pool.engines[third].sessions) == 1
    hang_up(node, node.carrier, node.pbx)
