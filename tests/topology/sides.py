"""Two sides and what they say, for tests of what crosses: an inside that is trusted, an outside that is not."""

from __future__ import annotations

from collections.abc import Sequence

from policies import Action, Document, HeaderRule
from sbc.config import Audit, Config, Listener, Realm, Target, Trunk
from sbc.sip import Request, Response, parse_message, parse_uri

SDP = (
    "v=0\r\no=- 8812345670 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    "a=ptime:20\r\na=sendrecv\r\n"
)


def document(headers: Sequence[HeaderRule] = ()) -> Document:
    return Document("test", Action(reject=403), headers=tuple(headers))


def config(
    realms: Sequence[Realm],
    trunks: Sequence[Trunk] = (),
    *,
    headers: Sequence[HeaderRule] = (),
    hide: Sequence[str] = (),
) -> Config:
    return Config(
        name="test",
        realms={realm.name: realm for realm in realms},
        trunks={trunk.name: trunk for trunk in trunks},
        listeners=tuple(listener for realm in realms for listener in realm.listeners),
        policy=document(headers),
        audit=Audit(hide=tuple(hide)),
    )


def realm(name: str, host: str, port: int = 5060, *, domain: str = "", trusted: bool = False) -> Realm:
    return Realm(name, (Listener(0, name, "UDP", host, port),), domain or host, trusted=trusted)


def trunk(name: str, realm: str, uri: str, *sources: str) -> Trunk:
    return Trunk(name, realm, (Target(parse_uri(uri)),), sources)


def edge(*, headers: Sequence[HeaderRule] = (), hide: Sequence[str] = ()) -> Config:
    """A carrier's side and a PBX's side with addresses of their own."""
    return config(
        [
            realm("outside", "203.0.113.5", domain="sbc.example.net"),
            realm("inside", "10.20.0.1", domain="edge.corp.local", trusted=True),
        ],
        [trunk("carrier", "outside", "sip:198.51.100.10"), trunk("pbx", "inside", "sip:pbx.corp.local:5080")],
        headers=headers,
        hide=hide,
    )


def quickstart() -> Config:
    """Both sides on one host, told apart by ports."""
    return config(
        [realm("outside", "127.0.0.1", 5060), realm("inside", "127.0.0.1", 5070, trusted=True)],
        [trunk("pbx", "inside", "sip:127.0.0.1:5080"), trunk("carrier", "outside", "sip:127.0.0.1:5090")],
    )


def request(method: str = "INVITE", *more: str, host: str = "10.20.0.5", body: str = "", **fields: str) -> Request:
    """What the PBX sends; `fields` replace `From`, `To`, `Contact`, `Via`, `Call_ID`."""
    message = parse_message(request_bytes(method, *more, host=host, body=body, **fields))
    assert isinstance(message, Request)
    return message


def request_bytes(method: str = "INVITE", *more: str, host: str = "10.20.0.5", body: str = "", **fields: str) -> bytes:
    values = {
        "Via": f"SIP/2.0/UDP {host}:5080;branch=z9hG4bK-inner-branch-01;rport",
        "Max-Forwards": "69",
        "From": f'"Alice" <sip:+4930111@{host}>;tag=inner-from-tag-1',
        "To": "<sip:+4989222@10.20.0.1>",
        "Call-ID": f"inner-call-id-0001@{host}",
        "CSeq": f"4711 {method}",
        "Contact": f"<sip:inner-device-77@{host}:5080>",
    }
    values.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"{method} sip:+4989222@10.20.0.1 SIP/2.0", *[f"{name}: {value}" for name, value in values.items()], *more]
    text = body.replace("{host}", host)
    if text:
        lines.append("Content-Type: application/sdp")
    return ("\r\n".join([*lines, f"Content-Length: {len(text)}"]) + "\r\n\r\n" + text).encode()


def response(status: int, method: str = "INVITE", *more: str, host: str = "10.20.0.5", body: str = "") -> Response:
    """What the PBX answers to a request of ours."""
    lines = [
        f"SIP/2.0 {status} Whatever",
        "Via: SIP/2.0/UDP 10.20.0.1:5060;branch=z9hG4bK00aabbccddeeff0011",
        "From: <sip:+4989222@edge.corp.local>;tag=00our-tag-on-b",
        "To: <sip:+4930111@pbx.corp.local>;tag=inner-to-tag-1",
        "Call-ID: 00our-call-id-on-b",
        f"CSeq: 12 {method}",
        f"Contact: <sip:inner-device-77@{host}:5080>",
        *more,
        f"Content-Length: {len(body)}",
    ]
    message = parse_message(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
    assert isinstance(message, Response)
    return message


def ours(*more: str, listener: str = "203.0.113.5:5060", target: str = "198.51.100.10", body: str = "") -> bytes:
    """The INVITE that the node makes of it toward the other side."""
    host = listener.partition(":")[0]
    lines = [
        f"INVITE sip:+4989222@{target} SIP/2.0",
        f"Via: SIP/2.0/UDP {listener};branch=z9hG4bK00f3a9c1d2e4b5a6978877;rport",
        "Max-Forwards: 68",
        f'From: "Alice" <sip:+4930111@{host}>;tag=00aabbccddeeff00112233',
        f"To: <sip:+4989222@{target}>",
        "Call-ID: 003344556677889900aabb",
        "CSeq: 31337 INVITE",
        f"Contact: <sip:00deadbeefcafe00112233@{listener}>",
        "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE",
        *more,
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
