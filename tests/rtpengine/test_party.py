"""Commands on running calls as bytes, some of them the very requests that the daemon has answered."""

from __future__ import annotations

import pytest

from rtpengine import (
    WHOLE_CALL,
    Codecs,
    Gate,
    Offer,
    Options,
    PlayDtmf,
    PlayMedia,
    Publish,
    Record,
    Recording,
    Request,
    Selector,
    StopMedia,
    SubscribeAnswer,
    SubscribeRequest,
    Switch,
    Unsubscribe,
    encode_request,
)
from rtpengine.commands import T38
from tests.rtpengine.replay import Recorded, recorded

A = Selector(from_tag="a")


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (Switch(Gate.BLOCK_MEDIA, "c"), b"d7:command11:block media7:call-id1:ce"),
        (
            Switch(Gate.SILENCE_MEDIA, "c", A),
            b"d7:command13:silence media7:call-id1:c8:from-tag1:a5:flagsl11:directionalee",
        ),
        (
            Switch(Gate.UNBLOCK_DTMF, "c", Selector(everybody=True)),
            b"d7:command12:unblock DTMF7:call-id1:c5:flagsl3:allee",
        ),
        (Switch(Gate.START_FORWARDING, "c"), b"d7:command16:start forwarding7:call-id1:ce"),
        (Record(Recording.START, "c", "k:v"), b"d7:command15:start recording7:call-id1:c8:metadata3:k:ve"),
        (
            PlayMedia("c", Selector(label="x"), file="hold.wav", repeat_times=2),
            b"d7:command10:play media7:call-id1:c5:label1:x4:file8:hold.wav12:repeat-timesi2ee",
        ),
        (
            PlayMedia("c", Selector(label="x"), blob=b"RIFF"),
            b"d7:command10:play media7:call-id1:c5:label1:x4:blob4:RIFFe",
        ),
        (StopMedia("c", Selector(address="192.0.2.1")), b"d7:command10:stop media7:call-id1:c7:address9:192.0.2.1e"),
        (
            PlayDtmf("c", Selector(label="x"), "#"),
            b"d7:command9:play DTMF7:call-id1:c5:label1:x4:code1:#8:durationi250e5:pausei100e6:volumei8ee",
        ),
        (
            SubscribeRequest("c", Selector(everybody=True), "r", is_siprec=True),
            b"d7:command17:subscribe request7:call-id1:c5:flagsl3:all6:SIPRECe6:to-tag1:re",
        ),
        (SubscribeAnswer("c", "r", b"v=0"), b"d7:command16:subscribe answer7:call-id1:c6:to-tag1:r3:sdp3:v=0e"),
        (Unsubscribe("c", "r"), b"d7:command11:unsubscribe7:call-id1:c6:to-tag1:re"),
        (Publish("c", "p", b"v=0"), b"d7:command7:publish7:call-id1:c8:from-tag1:p3:sdp3:v=0e"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_command_has_the_keys_of_the_protocol(command: Request, wire: bytes) -> None:
    """A tag never goes without `directional`, from 12.4 on it would count for nothing."""
    assert encode_request(b"c", command) == b"c " + wire


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (127, Switch(Gate.BLOCK_MEDIA, "ops-1", Selector(label="Lb"))),
        (126, Switch(Gate.UNBLOCK_MEDIA, "ops-1", Selector(everybody=True))),
        (129, Switch(Gate.BLOCK_MEDIA, "ops-1", Selector(address="198.51.100.10"))),
        (148, Record(Recording.START, "ops-1", "k:v")),
        (149, Record(Recording.STOP, "ops-1")),
        (140, PlayMedia("ops-1", WHOLE_CALL)),
        (156, Unsubscribe("ops-1", "rec1")),
        (158, SubscribeRequest("ops-1", WHOLE_CALL)),
    ],
    ids=str,
)
def test_recorded_request_is_made_again_byte_for_byte(number: int, command: Request) -> None:
    """What 10.5.3 has understood."""
    found: Recorded = next(exchange for exchange in recorded() if exchange.number == number)
    assert encode_request(found.request.partition(b" ")[0], command) == found.request


def test_codecs_and_fax_have_their_shapes() -> None:
    """A dictionary of lists, an integer, a list."""
    options = Options(codecs=Codecs(strip=("all",), offer=("PCMA",)), ptime=40, t38=(T38.DECODE,), label="x")
    request = Offer("c", "a", b"", options=options).to_dict()
    assert request["codec"] == {"strip": ["all"], "offer": ["PCMA"]}
    assert (request["ptime"], request["T.38"], request["label"]) == (40, ["decode"], "x")
    assert "codec" not in Offer("c", "a", b"", options=Options(codecs=Codecs())).to_dict()
