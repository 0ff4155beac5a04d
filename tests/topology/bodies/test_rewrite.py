"""Event bodies as another realm sees them: what crosses, what does not, and what is no body at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sbc.mint import Mint
from sbc.topology import BodyRefused, DialogIds, Rules, View, parse_multipart, rewrite_body

SAMPLES = Path(__file__).parent / "samples"
INNER = (b"10.20.", b"corp.local", b"secret", b"urn:uuid", b"node-3")
PLAIN = Rules()


def view(**more: Callable[..., object]) -> View:
    """The view of a carrier."""
    return View("sbc.example.net", Mint(bytes(32)), **more)  # type: ignore[arg-type]


def shown(body: str | bytes, kind: str, rules: Rules = PLAIN, seen: View | None = None) -> str:
    """The body as the carrier gets it; nothing inner may stand in it."""
    data = body.encode() if isinstance(body, str) else body
    out, _ = rewrite_body(data, kind, seen or view(), rules)
    assert [token for token in INNER if token in out] == []
    return out.decode()


DIALOG_INFO = (SAMPLES / "dialog-info.xml").read_text(encoding="utf-8")


def test_dialog_info_shows_people_and_states_and_no_host() -> None:
    """RFC 4235: entity and identities at the viewer's domain, ids opaque, targets, sessions and referrers gone."""
    out = shown(DIALOG_INFO, "application/dialog-info+xml")
    assert 'entity="sip:200@sbc.example.net"' in out
    assert '<identity display="Alice &lt;200&gt;">sip:200@sbc.example.net</identity>' in out
    assert '<state event="local-bye" code="200">early</state><duration>42</duration>' in out
    assert '<param pname="+sip.rendering" pval="no"/>' in out
    assert "boss" not in out
    assert "v=0" not in out
    assert 'version="7" state="partial"' in out


def test_dialog_of_ours_is_named_as_the_viewer_knows_it() -> None:
    """So that the viewer can pick it up with Replaces (RFC 3891)."""
    asked: list[DialogIds] = []

    def find(ids: DialogIds) -> DialogIds | None:
        asked.append(ids)
        return DialogIds("theirs", "a", "b") if ids.local_tag == "secret-lt" else None

    out = shown(DIALOG_INFO, "application/dialog-info+xml", seen=view(dialogs=find))
    assert 'call-id="theirs" local-tag="a" remote-tag="b"' in out
    assert asked[0] == DialogIds("secret-call@10.20.0.5", "secret-lt", "secret-rt")


def test_ids_are_the_same_in_each_notification() -> None:
    """A partial state refers to what an earlier one named."""
    assert shown(DIALOG_INFO, "application/dialog-info+xml") == shown(DIALOG_INFO, "application/dialog-info+xml")


def test_message_summary_keeps_the_counts() -> None:
    """RFC 3842: the account at the viewer's domain; headers of the messages themselves do not cross."""
    body = (
        "Messages-Waiting: YES\r\nMessage-Account: sip:200@vmail.corp.local\r\nVoice-Message: 4/8 (1/2)\r\n"
        "Fax-Message: x/2\r\nX-Node: node-3\r\n\r\nTo: <alice@vmail.corp.local>\r\nSubject: secret\r\n"
    )
    assert shown(body, "application/simple-message-summary") == (
        "Messages-Waiting: yes\r\nMessage-Account: sip:200@sbc.example.net\r\nVoice-Message: 4/8 (1/2)\r\n"
    )
    with pytest.raises(BodyRefused):
        shown("Voice-Message: 1/2\r\n", "application/simple-message-summary")


REGINFO = (SAMPLES / "reginfo.xml").read_text(encoding="utf-8")


def test_reginfo_shows_the_viewers_own_contact_and_no_other() -> None:
    """RFC 3680; leak checklist 4.1: other users' bindings never cross."""
    own = view(contacts=lambda user: "sip:alice@198.51.100.10" if user == "token" else "")
    out = shown(REGINFO, "application/reginfo+xml", seen=own)
    assert 'aor="sip:alice@sbc.example.net"' in out
    assert "<uri>sip:alice@198.51.100.10</uri>" in out
    assert "<uri>sip:sbc.example.net</uri>" in out
    assert 'expires="60"' in out
    assert 'q="0.8"' in out


CONFERENCE = (SAMPLES / "conference-info.xml").read_text(encoding="utf-8")


def test_conference_info_shows_who_is_there() -> None:
    """RFC 4575: people and states; services, devices, labels and call ids do not cross."""
    out = shown(CONFERENCE, "application/conference-info+xml")
    assert 'entity="sip:conf233@sbc.example.net"' in out
    assert '<user entity="sip:bob@sbc.example.net" state="full"><display-text>Bob</display-text>' in out
    assert "<status>connected</status><joining-method>dialed-in</joining-method>" in out
    assert "<user-count>33</user-count><active>true</active>" in out
    assert "34567" not in out
    assert "tel:+1888" not in out


PIDF = (SAMPLES / "pidf.xml").read_text(encoding="utf-8")


def test_pidf_shows_whether_somebody_is_there() -> None:
    """RFC 3863, 4480; a location (RFC 4119) does not cross."""
    out = shown(PIDF, "application/pidf+xml")
    assert 'entity="pres:alice@sbc.example.net"' in out
    assert '<contact priority="0.8">sip:alice@sbc.example.net</contact>' in out
    assert "<basic>open</basic>" in out
    assert "<rpid:on-the-phone/>" in out
    assert "52.5" not in out


def test_pidf_of_somebody_whose_name_is_an_address_shows_none() -> None:
    """RFC 3859: a `pres` URI is a user and a host; a user that is an address goes as it does from a From."""
    assert "10.20" not in shown(PIDF.replace("pres:alice@", "pres:10.20.0.5@"), "application/pidf+xml")


def test_sipfrag_is_a_status_line_of_ours() -> None:
    """RFC 3420: the phrase and all headers are the sender's."""
    body = "SIP/2.0 486 secret words\r\nContact: <sip:x@10.20.0.5>\r\n"
    assert shown(body, "message/sipfrag;version=2.0") == "SIP/2.0 486 Busy Here\r\n"


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS + ']><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b">&j;</presence>',
        '<!DOCTYPE p SYSTEM "http://10.20.0.5/p.dtd"><presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><presence>&x;</presence>',
        '<!DOCTYPE p [<!ENTITY % x SYSTEM "http://10.20.0.5/x">%x;]><presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        '<?xml-stylesheet href="http://10.20.0.5/"?><presence xmlns="urn:ietf:params:xml:ns:pidf"/>',
        '<presence xmlns="urn:ietf:params:xml:ns:pidf">' + "<a>" * 20 + "</a>" * 20 + "</presence>",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf">' + "<a/>" * 5000 + "</presence>",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="' + "a" * 5000 + '"/>',
        '<presence xmlns="urn:ietf:params:xml:ns:pidf">' + "a" * 5000 + "</presence>",
        "<presence " + " ".join(f'a{n}="1"' for n in range(40)) + "/>",
        '<presence xmlns="urn:ietf:params:xml:ns:pidf">&undefined;</presence>',
        '<presence xmlns="urn:ietf:params:xml:ns:pidf">' + " " * 70000 + "</presence>",
        '<presence xmlns="urn:other"/>',
        "<presence>",
        "",
        "\x00\x01",
    ],
)
def test_xml_that_grows_fetches_or_does_not_end_is_refused(body: str) -> None:
    """Billion laughs, external entities, bombs of depth and breadth: nothing is expanded, nothing is fetched."""
    with pytest.raises(BodyRefused):
        rewrite_body(body.encode(), "application/pidf+xml", view(), PLAIN)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings_come_out_as_utf_8(encoding: str) -> None:
    """What expat reads is written anew."""
    note = '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b"><note>größer</note></presence>'
    body = f'<?xml version="1.0" encoding="{encoding}"?>{note}'
    assert "<note>größer</note>" in shown(body.encode(encoding), "application/pidf+xml")


ISUP = b"\x01\x00\x49\x00\x00\x03\x02\x00\x07\x04\x10secret"


def multipart(*parts: tuple[str, bytes, str], boundary: str = "secret-b1") -> bytes:
    """A multipart body of (type, body, disposition)."""
    out = b"preamble node-3\r\n"
    for kind, body, disposition in parts:
        extra = f"Content-Disposition: {disposition}\r\n" if disposition else ""
        out += (
            f"--{boundary}\r\nContent-Type: {kind}\r\nContent-ID: <x@10.20.0.5>\r\n{extra}\r\n".encode()
            + body
            + b"\r\n"
        )
    return out + f"--{boundary}--\r\nepilogue".encode()


KIND = 'multipart/mixed; boundary="secret-b1"'


def test_multipart_is_rewritten_part_by_part() -> None:
    """RFC 5621: a boundary of ours, each part through its model, the optional unknown one left out."""
    body = multipart(
        ("text/plain", b"hello", ""),
        ("application/pidf+xml", PIDF.encode(), ""),
        ("application/isup;version=itu-t92+", ISUP, "signal;handling=optional"),
    )
    out, kind = rewrite_body(body, KIND, view(), PLAIN)
    assert [token for token in INNER if token in out] == []
    parts = parse_multipart(out, kind)
    assert [part.content_type for part in parts] == ["text/plain", "application/pidf+xml"]
    assert b"preamble" not in out
    assert b"Content-ID" not in out


def test_part_that_must_be_understood_and_may_not_cross_refuses_the_whole() -> None:
    """RFC 5621 section 3.1."""
    body = multipart(("text/plain", b"hello", ""), ("application/isup", ISUP, "signal;handling=required"))
    with pytest.raises(BodyRefused):
        rewrite_body(body, KIND, view(), PLAIN)


def test_isup_crosses_by_rule_only() -> None:
    """Default-deny: ISUP holds addresses of the inside; a trunk that wants it lists it."""
    with pytest.raises(BodyRefused):
        rewrite_body(ISUP, "application/isup", view(), PLAIN)
    passed = Rules(passed=frozenset({"application/isup"}))
    assert rewrite_body(ISUP, "application/isup;version=itu-t92+", view(), passed) == (
        ISUP,
        "application/isup;version=itu-t92+",
    )


def test_single_part_that_is_left_stands_alone() -> None:
    """A multipart with one part says no more than the part."""
    body = multipart(("text/plain;x=secret", b"hello", ""), ("application/isup", ISUP, "signal;handling=optional"))
    assert rewrite_body(body, KIND, view(), PLAIN) == (b"hello", "text/plain")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--secret-b1\r\nContent-Type: text/plain\r\n\r\nno end",
        b"--secret-b1garbage\r\n\r\nx\r\n--secret-b1--",
        multipart(*[("text/plain", b"x", "")] * 17),
        multipart(("application/isup", ISUP, "")),
        multipart(("text/plain", b"x", ";;")),
        multipart((KIND, multipart((KIND, multipart(("text/plain", b"x", "")), "")), "")),
    ],
)
def test_malformed_or_excessive_multipart_is_refused(body: bytes) -> None:
    """Never raises anything else."""
    with pytest.raises(BodyRefused):
        rewrite_body(body, KIND, view(), PLAIN)
