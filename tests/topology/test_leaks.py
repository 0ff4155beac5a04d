"""The property that the room exists for: of whatever one side says, nothing it shows of itself comes out on the other.

The oracle is a plain search for the strings that were put in; it shares nothing with the table or the audit.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbc.sip import Fields, Request, Response, canonical, parse_address
from sbc.topology import ROWS, Audit, Learned, SdpIdentity, SdpRefused, build_sdp, compile_passages, hide_identity
from sbc.topology.sdp_table import KNOWN_ATTRIBUTES
from tests.topology.sides import edge, ours

PASSAGES = compile_passages(edge())
AUDIT = Audit(edge(hide=["10.20.0.0/16"]))
PAIRS = [("inside", "outside"), ("outside", "inside"), ("inside", "inside"), ("outside", "outside")]

TOKENS = [
    "pbx7.corp.local",
    "10.20.7.5",
    "10-20-7-5",
    "2001:db8:77::5",
    "f81d4fae-7dec-11d0",
    "0xINNERTAG77",
    "asterisk-node-9",
]
SHAPES = [
    "{t}",
    "<sip:7@{t}>;tag={t}",
    "<sip:{t}>",
    "<sip:7@{t};x={t}?Replaces={t}>, <tel:7;phone-context={t}>",
    "sip:7:{t}@{t};q=1",
    "<sip:7%40{t}@{t}>",
    "<sip:7;rn={t}@{t}>;reason={t};party={t};privacy=full;counter={t}",
    'SIP;cause=200;text="{t}";location={t}',
    "{t};cause=16",
    "180 ({t});duration={t}",
    "id;{t}",
    "active;reason={t};expires={t}",
    "dialog;call-id={t};id={t}",
    "<urn:alert:{t}>, <http://{t}/ring>",
    "render;handling={t}",
    "<http://{t}/>;purpose=info",
    'Digest username="{t}", uri="sip:{t}", realm="{t}"',
    "SIP/2.0/UDP {t};branch=z9hG4bK{t};received={t}",
]

# Names that stand where users and option words stand cross on purpose; here no token is one of those.
names = st.sampled_from([row.name for row in ROWS] + ["X-Inner-Thing", "P-Corp-Node", "Subject-2"])
values = st.builds(lambda shape, token: shape.replace("{t}", token), st.sampled_from(SHAPES), st.sampled_from(TOKENS))
fields = st.lists(st.tuples(names, values), max_size=12)
methods = st.sampled_from(
    ["INVITE", "ACK", "BYE", "CANCEL", "INFO", "NOTIFY", "REFER", "MESSAGE", "OPTIONS", "PUBLISH", "X"]
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def shows(text: bytes) -> list[str]:
    """The oracle: which tokens stand in a text, whatever the case."""
    lower = text.lower()
    return [token for token in TOKENS if token.lower().encode() in lower]


@QUICK
@given(fields, methods, st.sampled_from([0, 100, 183, 200, 302, 404, 503]), st.sampled_from(PAIRS))
def test_no_token_of_one_side_crosses_in_a_header(
    found: Fields, method: str, status: int, sides: tuple[str, str]
) -> None:
    headers = [(canonical(name), value) for name, value in found]
    message = Response(status, "x", headers) if status else Request(method, "sip:x", headers)
    crossing = PASSAGES.between(*sides).cross(message, method)
    # A one-word value is nothing but a token of an RFC's grammar: names of packages and modes cross.
    words = {"Info-Package", "P-Early-Media", "Answer-Mode", "Priv-Answer-Mode", "Resource-Priority", "Event"}
    assert [(name, value) for name, value in crossing if name not in words and shows(value.encode())] == []


@QUICK
@given(values)
def test_no_token_crosses_in_an_identity(value: str) -> None:
    try:
        address = parse_address(value)
    except ValueError:
        return
    assert shows(hide_identity(address, "sbc.example").encode()) == []


texts = st.sampled_from(TOKENS)
attributes = st.sampled_from(
    [*sorted(KNOWN_ATTRIBUTES - {"rtpmap", "fmtp", "imageattr"}), "tool", "label", "msid", "X-y"]
)
lines = st.one_of(
    st.builds("i={}".format, texts),
    st.builds("a=rtcp:9 IN IP4 {}".format, texts),
    st.builds("a=candidate:1 1 UDP 1 {} 9 typ host".format, texts),
    st.builds("a=ssrc:1 cname:{}".format, texts),
    st.builds(
        "a={}:{}".format,
        st.sampled_from(["tool", "label", "msid", "X-y", "ice-ufrag", "crypto", "mid", "extmap"]),
        texts,
    ),
    st.builds("m=message 5 TCP/{} {}".format, texts, texts),
    st.builds("m={} 0 RTP/AVP 0".format, texts),
    st.sampled_from(["m=audio 30000 RTP/AVP 0", "m=video 30002 RTP/AVP 96", "a=sendonly", "a=rtpmap:0 PCMU/8000"]),
)


@QUICK
@given(texts, st.lists(lines, max_size=12))
def test_no_token_crosses_in_a_description_of_plain_rtp(token: str, found: list[str]) -> None:
    """What names codecs is left alone: rtpmap and fmtp are the codec's own."""
    head = ["v=0", f"o={token} 1 1 IN IP4 {token}", f"s={token}", "c=IN IP4 203.0.113.9", "t=0 0"]
    try:
        built = build_sdp("\r\n".join([*head, *found, ""]).encode(), SdpIdentity(1, "203.0.113.5"))
    except SdpRefused:
        return
    kept = [line for line in built.split(b"\r\n") if shows(line) and not line.startswith(b"m=")]
    assert kept == []
    assert built.count(b"\r\nm=") == len([line for line in found if line.startswith("m=")])


@QUICK
@given(st.sampled_from([token for token in TOKENS if token != "10-20-7-5"]), st.sampled_from(SHAPES), st.booleans())
def test_the_audit_finds_what_was_planted_in_any_shape(token: str, shape: str, escaped: bool) -> None:
    """Learnt from a Via, planted in a header that no table knows."""
    inner = Learned()
    host = f"[{token}]" if ":" in token else token
    inner.learn_message(Request("INVITE", "sip:x", [("Via", f"SIP/2.0/UDP {host};branch=z9hG4bK-1")]))
    planted = "".join(f"%{ord(char):02X}" for char in token) if escaped else token.upper()
    value = shape.replace("{t}", planted)
    found = AUDIT.check(ours(f"X-A: {value}"), "outside", inner)
    assert found
    assert {finding.place for finding in found} == {"X-A"}


blobs = st.binary(max_size=200) | st.text("19a.:-@<>[]; ", max_size=60).map(str.encode)


@QUICK
@given(blobs, blobs)
def test_any_bytes_can_be_learnt_and_checked(data: bytes, body: bytes) -> None:
    """And whatever was learnt or stands beside it, a token that must not cross is found."""
    text = data.decode("utf-8", "surrogateescape")
    spoiled = [(name, text) for name in ("Via", "Contact", "From", "To", "Call-ID", "Route")]
    message = Request("INVITE", text, [*spoiled, ("Priority", "urgent")])
    inner = Learned(AUDIT.shared)
    inner.learn_message(message)
    inner.learn_sdp(body)
    inner.learn_message(Request("INVITE", "sip:x", [("Via", "SIP/2.0/UDP pbx7.corp.local;branch=z9hG4bK-1")]))
    AUDIT.check(data + b"\r\n\r\n" + body, "outside", inner, None)
    AUDIT.check(data, "inside", None, inner)
    found = AUDIT.check(ours("X-A: pbx7.corp.local") + body, "outside", inner, None)
    assert "X-A" in {finding.place for finding in found}
    crossing = PASSAGES.between("inside", "outside").cross(message, "INVITE")
    assert crossing == [("Priority", "urgent")]
