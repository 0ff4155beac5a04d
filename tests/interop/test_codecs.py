"""Codecs that the daemon translates between two phones, by content: what one says in one codec the other hears in its
own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.ends import PlainPhone
from tests.interop.test_media_secure import FAR, NEAR, Conversation
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rtpengine.voices import G722, OPUS, PCMA, Voice


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A node whose inside speaks A-law alone."""
    need("rtpengine")
    with Rig() as rig:
        daemon = Rtpengine(tmp_path_factory.mktemp("rtpengine"), rig.network.node)

        def config(state: Path) -> str:
            inside = 'codecs = { allow = ["PCMA"], transcode = ["PCMA"] }'
            return node_file(state=state, engine=Rtpengine.ng, inside=inside)

        rig.start(config)
        yield rig
        daemon.stop()


@pytest.mark.parametrize("voice", [OPUS, G722], ids=lambda voice: voice.name.partition("/")[0])
def test_a_caller_with_another_codec_is_translated(rig: Rig, voice: Voice) -> None:
    """The callee is offered A-law and nothing else; the caller keeps its own, after a re-INVITE too."""
    call = Conversation(rig, ("plain", "plain"))
    call.near.close()
    call.near = PlainPhone(rig, OUTSIDE, plays=NEAR, awaits=FAR, voice=voice)
    try:
        call.invite()
        offered = call.talk.invite.body.decode()
        assert " RTP/AVP 8\r\n" in offered
        assert voice.name not in offered
        call.answer()
        assert voice.name in call.shown
        call.assert_both_hear()
        call.near.move()
        call.reinvite()
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()


def test_a_caller_with_the_same_codec_is_not(rig: Rig) -> None:
    """Nothing to translate: its packets pass as they are."""
    call = Conversation(rig, ("plain", "plain"))
    try:
        assert isinstance(call.far, PlainPhone)
        assert call.far.side is INSIDE
        assert call.far.voice is PCMA
        call.invite()
        call.answer()
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()
