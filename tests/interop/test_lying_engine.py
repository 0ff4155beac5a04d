"""A media engine that lies in every way: the call fails with a reason or goes on with another engine, nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.test_races import Talk
from tests.rig.liar import LIES, Liar
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.ua import DialogOf, NothingHeard

OF_THE_ENGINE = {
    "is slow",
    "is silent",
    "answers under another cookie",
    "cuts its reply short",
    "talks nonsense",
    "is out of ports",
    "is full",
}
"""Lies that are the engine's own trouble: another one is asked. The others would be told by any about this call."""
QUICK = "[media]\ntimeout = 0.2\n"
FAIR = "[media]\ntimeout = 0.4\n"
"""Thrice that, for it is asked again: what an honest engine can keep on a busy machine too."""


@pytest.fixture(scope="module")
def liar_rig() -> Iterator[tuple[Rig, Liar]]:
    """A node that has nothing but a liar."""
    need("rtpengine")
    with Rig() as rig:
        liar = Liar(rig.network.node)
        rig.start(lambda state: node_file(state=state, engine=Liar.ng).replace("[media]\n", QUICK))
        yield rig, liar
        liar.close()


@pytest.mark.parametrize("lie", LIES)
def test_call_fails_with_a_reason_and_nothing_stays(liar_rig: tuple[Rig, Liar], lie: str) -> None:
    """Nobody rings, the caller hears a final response, the session is taken back, no address crosses."""
    rig, liar = liar_rig
    rig.begin()
    liar.lie = lie
    liar.sessions.clear()
    talk = Talk(rig)
    try:
        talk.near.send(talk.near.request("INVITE", talk.uri, body=talk.near.sdp()))
        failure = next(response for response in iter(lambda: talk.near.receive(8), None) if response.status >= 300)
        assert failure.status in (488, 500, 503), failure
        talk.invite = failure
        talk.near.send(ack(talk, failure.get("to")))
        with pytest.raises(NothingHeard):
            talk.far.expect("INVITE", timeout=0.2)
        rig.assert_clean_end()
        wait_until(lambda: not liar.sessions, 5, "the sessions to be taken back")
        rig.assert_hidden()
        assert liar.asked
    finally:
        talk.close()


def ack(talk: Talk, to: str) -> str:
    """The ACK to the failure (RFC 3261 section 17.1.1.3)."""
    heard = talk.invite
    return (
        f"ACK {talk.uri} SIP/2.0\r\nVia: {heard.get('via')}\r\nMax-Forwards: 70\r\nFrom: {heard.get('from')}\r\n"
        f"To: {to}\r\nCall-ID: {heard.get('call-id')}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Liar]]:
    """A node whose liar has a thousand times the weight of an honest engine."""
    need("rtpengine")
    with Rig() as rig:
        liar = Liar(rig.network.node)
        daemon = Rtpengine(tmp_path_factory.mktemp("rtpengine"), rig.network.node)

        def config(state: Path) -> str:
            honest = f'{{ ng = "udp:{Rtpengine.ng}", weight = 1 }}'
            text = node_file(state=state, engine=Liar.ng).replace("[media]\n", FAIR)
            return text.replace("weight = 1 }, ]", f"weight = 1000 }}, {honest}]")

        rig.start(config)
        yield rig, liar
        liar.close()
        daemon.stop()


@pytest.mark.parametrize("lie", sorted(OF_THE_ENGINE))
def test_call_goes_on_with_an_honest_engine(pool: tuple[Rig, Liar], lie: str) -> None:
    """Before anything rings; the liar is told to forget what it may have understood."""
    rig, liar = pool
    rig.begin()
    liar.lie = lie
    liar.sessions.clear()
    before = liar.asked
    talk = Talk(rig)
    try:
        for _ in range(3):
            rig.node.ask("POST", f"/media/{Liar.ng}/enable")
            near, _ = talk.establish()
            assert isinstance(near, DialogOf)
            talk.hang_up(near)
        rig.assert_clean_end()
        assert liar.asked > before, "the liar was never asked"
        wait_until(lambda: not liar.sessions, 5, "the sessions to be taken back")
    finally:
        talk.close()
