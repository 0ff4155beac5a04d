"""Sessions at engines and calls here, compared: orphans go, calls without a session end or move, others are let be."""

from __future__ import annotations

from dataclasses import replace

import rtpengine
from sbc.engine import Engine
from sbc.outputs import CallEnded, MediaCommand
from sbc.reconciler import QUESTIONS
from tests.kit.flows import hang_up, ring, talk
from tests.kit.node import FakeMedia, Node, config
from tests.kit.peer import sdp
from tests.kit.transfers import accept_call

MARK = "sbc-0123456789abcdef-"
STRANGER = "sbc-fedcba9876543210-00" + "7" * 20
ORPHAN = MARK + "00" + "5" * 20
UNKNOWN = rtpengine.Reply({"result": b"error", "error-reason": b"Unknown call-id"})


class Marked(Node):
    """A node with a mark, and an engine whose sessions can be tampered with."""

    def __init__(self, others: frozenset[int] = frozenset()) -> None:
        super().__init__(config(mode="anchor"))
        self.engine = Engine(self.config, bytes(range(32)), self.now, b"\x00", others, MARK)
        self.fake = FakeMedia()
        self.silent: set[str] = set()
        self.asked: list[MediaCommand] = []
        self.media = self.answer_media

    def answer_media(self, command: rtpengine.Command) -> rtpengine.Reply | None:
        """As an engine does; it knows only the sessions that it has."""
        if isinstance(command, rtpengine.Query):
            if command.call_id not in self.fake.sessions:
                return UNKNOWN
            age = 3600 if command.call_id in self.silent else 1
            return rtpengine.Reply({"result": b"ok", "created": int(self.now.wall) - age, "tags": {}})
        return self.fake(command)

    @property
    def sessions(self) -> set[str]:
        """What the engine holds."""
        return self.fake.sessions

    def sweep(self, uptime: float = 10_000.0, *, is_complete: bool = True) -> None:
        """The engine is listed."""
        listed = frozenset(self.sessions)
        self.act(self.engine.media_listed(0, listed, uptime, is_complete, self.now))


def cause(node: Node) -> str:
    """Why the only call ended."""
    (event,) = node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    return event.cause


def test_orphan_is_deleted_at_its_second_listing() -> None:
    """In the first one a delete may have been on its way."""
    node = Marked()
    node.sessions.add(ORPHAN)
    node.sweep()
    assert ORPHAN in node.sessions
    node.sweep()
    assert node.sessions == set()
    assert node.engine.status(node.now)["media"] == {"orphans": 1, "timeouts": 0, "displaced": 0}


def test_sessions_under_no_mark_or_another_one_are_not_touched() -> None:
    """Other controllers may use the same engine."""
    node = Marked()
    node.sessions.update({STRANGER, "somebody@192.0.2.1", MARK[:-1]})
    for _ in range(3):
        node.sweep()
    assert len(node.sessions) == 3


def test_sessions_of_calls_are_let_be() -> None:
    """Ringing, talking."""
    node = Marked()
    invite = ring(node, node.carrier, node.pbx)
    node.sweep()
    node.sweep()
    assert len(node.sessions) == 1
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.advance(60)
    node.sweep()
    node.sweep()
    assert all(name.startswith(MARK) for name in node.sessions)
    hang_up(node, node.carrier, node.pbx)
    assert node.sessions == set()
    node.assert_clean()


def test_call_whose_session_timed_out_ends() -> None:
    """Nobody has sent a packet for a minute: the engine has given it up, and knows it no more."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    node.advance(70)
    node.sessions.clear()
    node.sweep()
    for peer in (node.carrier, node.pbx):
        peer.reply(peer.expect_request("BYE"), 200)
    assert cause(node) == "media timeout"
    node.assert_clean()


def test_call_is_not_ended_by_a_listing_alone() -> None:
    """The engine is asked about the session; a listing may be older than the call."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    node.advance(70)
    node.act(node.engine.media_listed(0, frozenset(), 10_000.0, True, node.now))
    assert node.engine.active_calls == 1


def test_calls_of_an_engine_that_has_begun_anew_move() -> None:
    """It answers pings, and has nothing of what it had: it was restarted between two of them."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    node.advance(70)
    node.sessions.clear()
    node.sweep(uptime=5.0)
    node.advance(0.1)
    for peer in (node.carrier, node.pbx):
        accept_call(peer)
    assert len(node.sessions) == 1
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_what_an_engine_restores_after_its_restart_stays() -> None:
    """Sessions kept in a store of the engine's own come back with their ports."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    node.advance(70)
    node.sweep(uptime=5.0)
    node.advance(1)
    assert node.carrier.idle()


def test_missing_sessions_are_asked_about_a_few_at_a_time() -> None:
    """A listing that holds a part of the sessions says nothing of the others."""
    node = Marked()
    for number in range(QUESTIONS + 20):
        phone = node.peer(f"phone{number}", f"198.51.100.{number % 200 + 20}", 0, 6000 + number)
        talk(node, phone, node.pbx)
    node.advance(70)
    queries: list[str] = []
    answer = node.answer_media

    def note(command: rtpengine.Command) -> rtpengine.Reply | None:
        if isinstance(command, rtpengine.Query):
            queries.append(command.call_id)
        return answer(command)

    node.media = note
    for _ in range(2):
        node.act(node.engine.media_listed(0, frozenset(), 10_000.0, False, node.now))
    assert len(queries) == 2 * QUESTIONS
    assert len(set(queries)) == QUESTIONS + 20


def test_where_workers_share_a_mark_only_silent_sessions_go() -> None:
    """A session may belong to a call that another worker was given."""
    node = Marked(others=frozenset({7}))
    quiet, foreign = MARK + "00" + "6" * 20, MARK + "07" + "6" * 20
    node.sessions.update({ORPHAN, quiet, foreign})
    node.silent = {quiet, foreign}
    for _ in range(3):
        node.sweep()
    assert node.sessions == {ORPHAN, foreign}


def test_a_notice_of_the_engine_ends_the_call() -> None:
    """`--b2b-url`: the engine tells at once."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    (session,) = node.sessions
    node.sessions.clear()
    node.act(node.engine.media_timed_out(STRANGER, node.now))
    assert node.engine.active_calls == 1
    node.act(node.engine.media_timed_out(session, node.now))
    assert cause(node) == "media timeout"


def test_silence_about_a_session_is_no_proof() -> None:
    """An engine that does not answer the question may have it."""
    node = Marked()
    talk(node, node.carrier, node.pbx)
    node.advance(70)
    node.sessions.clear()
    node.media = None
    node.sweep()
    (command,) = node.commands
    node.act(node.engine.media_reply(command.id, None, node.now))
    assert node.engine.active_calls == 1


def test_adopted_call_keeps_its_session() -> None:
    """The name of the session is in the call's record."""
    node = Marked()
    node.config = replace(node.config, store="sqlite")
    node.engine = Engine(node.config, bytes(range(32)), node.now, b"\x00", frozenset(), MARK)
    talk(node, node.carrier, node.pbx)
    kept = list(node.journal.values())
    node.engine = Engine(node.config, bytes(32), node.now, b"\x00", frozenset(), MARK)
    for one in kept:
        node.act(node.engine.adopt(one, node.now))
    node.sweep()
    node.sweep()
    assert len(node.sessions) == 1
    assert node.engine.active_calls == 1
