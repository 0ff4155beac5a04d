"""What can be fuzzed. To add a target, write a function that raises for anything wrong and enter it in `TARGETS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sbc.sdp import Candidate, Crypto, Fmtp, RtcpAddress, RtpMap, SdpError, addresses, format_sdp, parse_sdp
from sbc.sip import (
    Limits,
    ParseError,
    Request,
    Response,
    StreamFramer,
    format_message,
    parse_address,
    parse_authentication,
    parse_content_disposition,
    parse_diversion,
    parse_history_entry,
    parse_identity,
    parse_join,
    parse_media_type,
    parse_message,
    parse_privacy,
    parse_reason,
    parse_retry_after,
    parse_session_id,
    parse_subscription_state,
    parse_target_dialog,
    parse_uri,
    parse_user_to_user,
    parse_via,
    parse_warning,
    split_list,
    unescape,
)
from tests.fuzz import corpora
from tests.fuzz.bodies import body_seeds, run_bodies
from tests.fuzz.engine import engine_seeds, run_engine
from tests.sip.messages import INVITE, OK, invite

SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """A function that takes any bytes and raises only where something is wrong."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    rooms: tuple[str, ...]
    """Folders and files of the repository whose lines guide the search."""
    most_lines: int = 500_000
    """Lines that one input may cost."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The rooms as file name prefixes."""
        return tuple(str(SOURCES / room) for room in self.rooms)


class Wrong(AssertionError):
    """The target's own judgement: not an exception of the code, but a wrong result."""


def expect(condition: bool, text: str) -> None:
    """Raise `Wrong` unless the condition holds."""
    if not condition:
        raise Wrong(text)


def run_parser(data: bytes) -> None:
    """Any bytes parse or raise ParseError; what was parsed can be asked anything and is written stably."""
    try:
        message = parse_message(data)
    except ParseError as error:
        if error.message is not None:
            _ = (error.message.get("Via"), error.message.get_all("Via"), error.message.fields)
        return
    ask_everything(message)
    written = format_message(message)
    again = parse_message(written)
    expect(format_message(again) == written, "the second writing differs from the first")
    expect(again.body == message.body, "the body changed")
    expect(again.vias == message.vias, "the Vias changed")


def ask_everything(message: Request | Response) -> None:
    """Every typed accessor that must not raise behind the parser."""
    expect(bool(message.call_id and message.cseq.method and message.top_via.host and message.vias), "a value is empty")
    expect(message.from_address.tag == message.from_tag, "two readings of the From tag")
    expect(message.to_address.tag == message.to_tag, "two readings of the To tag")
    _ = (message.content_type, message.tokens("Supported"), message.tokens("Require"), message.tokens("Allow"))
    if isinstance(message, Request):
        _ = (message.uri, message.max_forwards)
    elif message.status >= 400:
        return
    if not message.is_contact_star:
        _ = message.contacts
    _ = (message.routes, message.record_routes, message.session_expires, message.min_se, message.expires)
    _ = (message.rack, message.rseq, message.refer_to, message.replaces, message.event)


def run_stream(data: bytes) -> None:
    """However a stream is cut, the same frames and the same fault come out, and little is kept."""
    limits = Limits(message_bytes=4096, headers=64)
    step = 1 + sum(data[:7]) % 97
    whole = _framed([data], limits)
    expect(_framed([data[at : at + step] for at in range(0, len(data), step)], limits) == whole, f"cut by {step}")
    for frame in whole[0]:
        run_parser(frame)


def _framed(chunks: list[bytes], limits: Limits) -> tuple[list[bytes], str]:
    framer = StreamFramer(limits)
    frames: list[bytes] = []
    for chunk in chunks:
        try:
            frames.extend(framer.feed(chunk))
        except ParseError as error:
            return frames, error.fault.value
    return frames, framer.fault.fault.value if framer.fault is not None else ""


def run_sdp(data: bytes) -> None:
    """Any bytes parse or raise SdpError; what was parsed is written stably and can be asked anything."""
    try:
        session = parse_sdp(data)
    except SdpError:
        return
    written = format_sdp(session)
    again = parse_sdp(written)
    expect(format_sdp(again) == written, "the second writing differs from the first")
    expect(addresses(again) == addresses(session), "the addresses changed")
    _ = (session.direction, session.is_held)
    for media in session.media:
        _ = (session.direction_of(media), session.connection_of(media), media.is_rejected)
        for _, value in media.attributes:
            for parse in (RtpMap.parse, Fmtp.parse, RtcpAddress.parse, Crypto.parse, Candidate.parse):
                found = parse(value or "")
                if isinstance(found, Candidate):
                    _ = found.related_address
                _ = str(found)


VALUES: tuple[Callable[[str], object], ...] = (
    parse_address, parse_authentication, parse_content_disposition, parse_diversion, parse_history_entry,
    parse_identity, parse_join,
    parse_media_type, parse_privacy, parse_reason, parse_retry_after, parse_session_id, parse_subscription_state,
    parse_target_dialog,
    parse_uri, parse_user_to_user, parse_via, parse_warning, split_list,
)  # fmt: skip


def run_values(data: bytes) -> None:
    """Any text is a header value or raises ParseError; a value's text is read as the same value."""
    text = data.decode("utf-8", "surrogateescape")
    unescape(text)
    for parse in VALUES:
        try:
            value = parse(text)
        except ParseError:
            continue
        if not isinstance(value, (list, tuple)):
            expect(str(parse(str(value))) == str(value), f"{parse.__name__} reads its own text otherwise")


def sip_seeds() -> list[bytes]:
    """Messages of all kinds; a handful of our own where the corpora are absent."""
    own = [INVITE, OK, invite("Route: <sip:a;lr>, <sip:b;lr>", "x: 90;refresher=uac", "r: <sip:a@b?Replaces=x>")]
    if not corpora.ROOT.is_dir():
        return own
    torture = [(corpora.folder("rfc4475") / entry["file"]).read_bytes() for entry in corpora.rfc4475_index()]
    captured = [data for _, data in corpora.sip_messages()][::6]
    return own + torture + captured + corpora.protos_cases()[::4] + corpora.go_fuzz_inputs()


def stream_seeds() -> list[bytes]:
    """Several messages on one stream, with keep-alives between them."""
    messages = sip_seeds()
    return [b"\r\n\r\n".join(messages[at : at + 2]) for at in range(0, len(messages), 2)] + [INVITE + OK + INVITE]


def sdp_seeds() -> list[bytes]:
    """Bodies of all kinds; one of our own where the corpora are absent."""
    own = [
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 9 RTP/AVP 0\r\na=sendonly\r\n"
    ]
    if not corpora.ROOT.is_dir():
        return own
    bodies = [(corpora.folder("sdp") / entry["file"]).read_bytes() for entry in corpora.sdp_index()]
    return own + [body for body in bodies if len(body) < 8192]


def value_seeds() -> list[bytes]:
    """The values of the headers in all messages."""
    found: dict[bytes, None] = {}
    for data in sip_seeds():
        for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            found[line.partition(b":")[2].strip()[:512]] = None
    return list(found)[:400]


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            "engine",
            run_engine,
            engine_seeds,
            ("sbc/engine.py", "sbc/egress.py", "sbc/build.py", "sbc/call", "sbc/dialog", "sbc/transaction"),
            most_lines=2_000_000,
        ),
        Target("bodies", run_bodies, body_seeds, ("sbc/topology/bodies",)),
        Target("parser", run_parser, sip_seeds, ("sbc/sip",)),
        Target("sdp", run_sdp, sdp_seeds, ("sbc/sdp",)),
        Target("stream", run_stream, stream_seeds, ("sbc/sip",), most_lines=2_000_000),
        Target("values", run_values, value_seeds, ("sbc/sip",)),
    )
}
