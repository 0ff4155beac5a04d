"""Commands as bytes: the very requests that the daemon has answered."""

from __future__ import annotations

import pytest

from rtpengine import (
    Answer,
    Command,
    Delete,
    EndpointLearning,
    Flag,
    Ice,
    List,
    Offer,
    Options,
    Ping,
    Query,
    Replace,
    RtcpMux,
    Statistics,
    Support,
    decode,
    encode_request,
)
from tests.rtpengine.replay import Recorded, recorded

SDP = b"v=0\r\n"


@pytest.mark.parametrize(
    ("command", "wire"),
    [
        (Ping(), b"c d7:command4:pinge"),
        (List(), b"c d7:command4:list5:limiti32ee"),
        (Statistics(), b"c d7:command10:statisticse"),
        (Query("c1"), b"c d7:command5:query7:call-id2:c1e"),
        (Query("c1", "a", "b"), b"c d7:command5:query7:call-id2:c18:from-tag1:a6:to-tag1:be"),
        (Delete("c1"), b"c d7:command6:delete7:call-id2:c112:delete-delayi0ee"),
        (Delete("c1", delay=None), b"c d7:command6:delete7:call-id2:c1e"),
        (
            Delete("c1", "a", delay=None, flags=(Flag.FATAL,)),
            b"c d7:command6:delete7:call-id2:c18:from-tag1:a5:flagsl5:fatalee",
        ),
        (Offer("c1", "a", SDP), b"c d7:command5:offer7:call-id2:c18:from-tag1:a3:sdp5:v=0\r\ne"),
        (Answer("c1", "a", "b", SDP), b"c d7:command6:answer7:call-id2:c18:from-tag1:a6:to-tag1:b3:sdp5:v=0\r\ne"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_command_has_the_keys_of_the_protocol(command: Command, wire: bytes) -> None:
    """Empty fields are not sent."""
    assert encode_request(b"c", command) == wire


def test_options_have_the_shapes_that_are_not_ignored() -> None:
    """10.5.3 ignores a string where it wants a list, and the other way round."""
    options = Options(
        flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING),
        replace=(Replace.ORIGIN,),
        rtcp_mux=(RtcpMux.DEMUX,),
        supports=(Support.LOAD_LIMIT,),
        endpoint_learning=EndpointLearning.HEURISTIC,
        ice=Ice.REMOVE,
        transport_protocol="RTP/AVP",
        address_family="IP4",
        media_address="192.0.2.1",
        direction=("pub", "priv"),
    )
    request = Offer("c1", "a", SDP, to_tag="b", via_branch="z", options=options).to_dict()
    assert request == {
        "command": "offer",
        "call-id": "c1",
        "from-tag": "a",
        "to-tag": "b",
        "via-branch": "z",
        "sdp": SDP,
        "direction": ["pub", "priv"],
        "flags": ["strict-source", "port-latching"],
        "replace": ["origin"],
        "rtcp-mux": ["demux"],
        "supports": ["load limit"],
        "endpoint-learning": ["heuristic"],
        "ICE": "remove",
        "transport protocol": "RTP/AVP",
        "address family": "IP4",
        "media address": "192.0.2.1",
    }


@pytest.mark.parametrize("cookie", [b"", b"a b", b" "])
def test_unfit_cookie_is_refused(cookie: bytes) -> None:
    """An empty one, or one with a blank, would never be answered."""
    with pytest.raises(ValueError, match="cookie"):
        encode_request(cookie, Ping())


def test_recorded_requests_can_be_said_with_the_types() -> None:
    """Those without options, key for key as they went in."""
    said = 0
    for exchange in recorded():
        command = _typed(exchange)
        if command is None:
            continue
        cookie, _, payload = exchange.request.partition(b" ")
        assert decode(encode_request(cookie, command).partition(b" ")[2]) == decode(payload, lenient=True), exchange
        said += 1
    assert said >= 70


def _typed(exchange: Recorded) -> Command | None:
    """The recorded request as a command, or None where it has keys that have no field."""
    payload = exchange.request.partition(b" ")[2]
    if payload[:1] != b"d" or exchange.scenario == "framing":
        return None
    request = decode(payload, lenient=True)
    assert isinstance(request, dict)
    texts = {key: value.decode("utf-8", "replace") for key, value in request.items() if isinstance(value, bytes)}
    name, call_id = texts.get("command"), texts.get("call-id", "")
    from_tag, to_tag, branch = texts.get("from-tag", ""), texts.get("to-tag", ""), texts.get("via-branch", "")
    sdp = request.get("sdp")
    keys = set(request) - {"command", "call-id", "from-tag", "to-tag", "via-branch"}
    delay = request.get("delete-delay")
    if not call_id:
        return None
    if name == "offer" and keys == {"sdp"} and from_tag and isinstance(sdp, bytes):
        return Offer(call_id, from_tag, sdp, to_tag, branch)
    if name == "answer" and keys == {"sdp"} and to_tag and isinstance(sdp, bytes):
        return Answer(call_id, from_tag, to_tag, sdp, branch)
    if name == "delete" and keys <= {"delete-delay"}:
        return Delete(call_id, from_tag, to_tag, branch, delay=delay if isinstance(delay, int) else None)
    if name == "query" and not keys:
        return Query(call_id, from_tag, to_tag)
    return None
