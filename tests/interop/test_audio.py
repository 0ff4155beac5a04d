"""Audio crosses the node both ways: each phone plays a tone of its own, and hears the other's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.rig.baresip import Phone
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, Rig, Side, bracketed

_NEAR, _FAR = 440.0, 1000.0


_DTLS = 'srtp = "required"\nsrtp_keys = "dtls"'


@pytest.fixture
def dtls() -> Iterator[Rig]:
    """A node whose realms want keys from DTLS, on either side."""
    need("sipp")
    with Rig() as rig:
        rig.start_with(outside=_DTLS, inside=_DTLS)
        rig.begin()
        yield rig
        rig.assert_clean_end()


@pytest.mark.parametrize(("source", "destination"), [(OUTSIDE, INSIDE), (INSIDE, OUTSIDE)])
def test_a_call_between_two_phones_has_audio_at_both_ends(rig: Rig, source: Side, destination: Side) -> None:
    """Anchored by the embedded engine; no RTP or RTCP packet tells one side of the other."""
    _assert_both_hear(rig, source, destination)


def test_audio_crosses_over_ipv6(six: Rig) -> None:
    """The same on IPv6."""
    _assert_both_hear(six, OUTSIDE6, INSIDE6)


def _assert_both_hear(rig: Rig, source: Side, destination: Side, encryption: str = "") -> None:
    need("baresip")
    far = Phone(
        rig.work(),
        rig.network.namespace_of(destination.name),
        host=destination.peers[0],
        port=destination.trunk_port,
        frequency=_FAR,
        media_ports=(42000, 42100),
        encryption=encryption,
    )
    near = Phone(
        rig.work(),
        rig.network.namespace_of(source.name),
        host=source.peers[0],
        port=5062,
        frequency=_NEAR,
        dial=f"sip:phone@{bracketed(source.node)}:{source.node_port}",
        encryption=encryption,
    )
    try:
        far.wait_until_hears(_NEAR, 1.0)
        near.wait_until_hears(_FAR, 1.0)
    finally:
        near.stop()
        wait_until(lambda: "terminated" in far.process.output(), 5, "the far phone to be told of the end")
        far.stop()
    rig.assert_hidden(allowed=("sha-256",) if encryption else ())
    media = [packet for packet in rig.taps.packets() if packet.payload[:1] == b"\x80"]
    hosts = {packet.source for packet in media} | {packet.destination for packet in media}
    assert {source.node, destination.node} <= hosts
    for side in (source, destination):
        assert hosts & set(side.peers), "a phone takes whichever of its addresses the kernel picks"
    for packet in media:
        assert {packet.source, packet.destination} & {source.node, destination.node}, "media that passed the node by"


def test_phones_with_dtls_keys_hear_each_other(dtls: Rig) -> None:
    """RFC 5763: a handshake on each leg, with a certificate of its own; neither phone sees what the other sees."""
    _assert_both_hear(dtls, OUTSIDE, INSIDE, "dtls_srtp")
    bodies = [packet.payload for packet in dtls.taps.packets() if b"a=fingerprint:" in packet.payload]
    shown = {match for body in bodies for match in re.findall(rb"a=fingerprint:(\S+ \S+)", body)}
    assert len(shown) == 4, "two phones, and one of the engine's for each side"
