"""Messages of others: torture, captures with an oracle, developers' oddities, a protocol fuzzer's cases."""

from __future__ import annotations

from typing import Any

from sbc.sip import Fault, ParseError, Request, Response, format_message, parse_message, parse_via
from tests.fuzz import corpora

# What becomes of a torture message at this level: None where it is well formed and refused, if at all, by a later room.
TORTURE: dict[str, Fault | None] = {
    "badinv01.dat": Fault.PARAMETER,
    "ncl.dat": Fault.CONTENT_LENGTH,
    "scalarlg.dat": Fault.NUMBER,
    "ltgtruri.dat": Fault.REQUEST_URI,
    "lwsstart.dat": Fault.START_LINE,
    "escruri.dat": Fault.REQUEST_URI,
    "regbadct.dat": Fault.ADDRESS,
    "baddn.dat": Fault.ADDRESS,
    "mismatch01.dat": Fault.CSEQ_METHOD,
    "bigcode.dat": Fault.STATUS_CODE,
    "insuf.dat": Fault.MISSING_HEADER,
    "mcl01.dat": Fault.REPEATED_HEADER,
    "test.dat": Fault.START_LINE,
}
# Messages of captures that we refuse and Wireshark decodes: a CSeq of another method, IPv6 without brackets, empty
# parameters outside Via.
STRICTER = {"PROTOS-c07-sip-r2.netmon.cap", "sip_ipv6_udp.pcap", "digium-t38-crash.pcap"}
# The oracle writes control characters in its own way.
MANGLED = {"erspan-refer-subscribe.pcapng"}


def outcome(data: bytes) -> Request | Response | ParseError:
    try:
        return parse_message(data)
    except ParseError as error:
        return error


def test_torture_messages_are_read_or_refused_as_the_rfc_wants() -> None:
    """RFC 4475, all sections that we hold."""
    for entry in corpora.rfc4475_index():
        found = outcome((corpora.folder("rfc4475") / entry["file"]).read_bytes())
        expected = TORTURE.get(entry["file"])
        if expected is None:
            assert not isinstance(found, ParseError), (entry["file"], found)
            assert entry["class"] != "invalid-syntax", entry["file"]
            continue
        assert isinstance(found, ParseError), entry["file"]
        assert found.fault is expected, entry["file"]
        acceptable = entry["acceptable"]
        answer = "drop" if isinstance(found.message, Response) or "drop" in acceptable else str(found.status)
        assert answer in acceptable or "any-no-crash" in acceptable, entry["file"]
        assert found.message is not None, entry["file"]


def test_torture_messages_that_were_read_are_written_stably() -> None:
    """What we would send on is a clean form of it."""
    for entry in corpora.rfc4475_index():
        found = outcome((corpora.folder("rfc4475") / entry["file"]).read_bytes())
        if not isinstance(found, ParseError):
            written = format_message(found)
            assert format_message(parse_message(written)) == written, entry["file"]


def test_captured_messages_are_read_as_the_oracle_reads_them() -> None:
    """599 messages of 31 products, with what Wireshark made of each."""
    refused = 0
    for entry, data in corpora.sip_messages():
        found = outcome(data)
        if isinstance(found, ParseError):
            assert entry["malformed"] or entry["pcap"] in STRICTER, (entry["pcap"], entry["frame"], str(found))
            refused += 1
            continue
        expected = {key: value for key, value in entry["tshark"].items() if key in (told := facts(found)) and value}
        if entry["pcap"] in MANGLED:
            expected.pop("to_tag", None)
        assert {key: told[key] for key in expected} == {key: str(value) for key, value in expected.items()}, entry[
            "frame"
        ]
        assert told.keys() >= {"call_id", "cseq"}
    assert refused <= 24


def facts(message: Request | Response) -> dict[str, str]:
    found: dict[str, str] = {
        "call_id": message.call_id,
        "cseq": str(message.cseq.number),
        "cseq_method": message.cseq.method,
        "from_tag": message.from_tag,
        "to_tag": message.to_tag,
        "via_branches": ";".join([branch for via in message.vias if (branch := parse_via(via).branch)]),
    }
    if isinstance(message, Request):
        found |= {"method": message.method, "r_uri": message.request_uri}
    else:
        found["status"] = str(message.status)
    if not message.is_contact_star:
        found["contact_uris"] = ";".join([str(address.uri) for address in message.contacts])
    return found


def test_captured_messages_are_written_back_equivalent() -> None:
    """The same headers in the same order, but for Content-Length, which is ours."""
    for entry, data in corpora.sip_messages():
        found = outcome(data)
        if isinstance(found, ParseError):
            continue
        again = parse_message(format_message(found))
        kept: list[tuple[str, str]] = [field for field in found.fields if field[0] != "Content-Length"]
        assert again.fields[:-1] == kept, (entry["pcap"], entry["frame"])
        assert again.body == found.body


def test_developers_oddities_are_read_or_refused() -> None:
    """With their own line ends and with CRLF; the index tells which are broken."""
    expected: dict[str, Any] = {
        "invite01.sip": None,
        "invite03.sip": None,
        "invite05.sip": None,
        "bc2.sip": None,
        "bye_chris.sip": None,
        "ms-invite-00-rpl.sip": None,
        "ms-invite-01-rpl.sip": None,
        "pingtel.sip": None,
        "register02.sip": None,
        "sg.sip": None,
        "bad_via2.sip": Fault.VERSION,
        "bad_uri.sip": Fault.MISSING_HEADER,
        "register04.sip": Fault.URI,
        "message02.sip": Fault.HEADER_LINE,
        "short_reply.sip": Fault.MISSING_HEADER,
    }
    for path in sorted((corpora.folder("rawsip") / "kamailio").iterdir()):
        data = path.read_bytes()
        outcome(data)
        found = outcome(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        if path.name in expected:
            fault = found.fault if isinstance(found, ParseError) else None
            assert fault is expected[path.name], path.name


def test_fuzzers_cases_never_raise_anything_else() -> None:
    """PROTOS c07-sip, inputs that crashed another parser, a sniffer's packets."""
    cases = corpora.protos_cases() + corpora.go_fuzz_inputs() + corpora.zeek_packets()
    assert len(cases) > 190
    for data in cases:
        found = outcome(data)
        if not isinstance(found, ParseError):
            written = format_message(found)
            assert format_message(parse_message(written)) == written
