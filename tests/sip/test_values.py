"""The small header values: each written back as read, each fault refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.sip import (
    CSeq,
    ParseError,
    format_privacy,
    parse_authentication,
    parse_content_disposition,
    parse_cseq,
    parse_diversion,
    parse_event,
    parse_history_entry,
    parse_identity,
    parse_join,
    parse_media_type,
    parse_min_se,
    parse_number,
    parse_privacy,
    parse_rack,
    parse_reason,
    parse_replaces,
    parse_retry_after,
    parse_rseq,
    parse_session_expires,
    parse_session_id,
    parse_subscription_state,
    parse_target_dialog,
    parse_user_to_user,
    parse_warning,
)

Parser = Callable[[str], object]
HALF = "ab30317f1a784dc48ff824d0d3715d86"

GOOD: list[tuple[Parser, str]] = [
    (parse_cseq, "4711 INVITE"),
    (parse_cseq, "4294967295 !odd"),
    (parse_replaces, "425928@host;to-tag=7743;from-tag=6472"),
    (parse_replaces, "425928@host;to-tag=7743;from-tag=6472;early-only"),
    (parse_join, "425928@host;to-tag=7743;from-tag=6472"),
    (parse_target_dialog, "fa77as7dad8-sd98ajzz@host;local-tag=kkaz-;remote-tag=6544"),
    (parse_session_expires, "1800"),
    (parse_session_expires, "90;refresher=uas;x=y"),
    (parse_rack, "776656 1 INVITE"),
    (parse_reason, 'Q.850;cause=16;text="Terminated"'),
    (parse_reason, "SIP"),
    (parse_warning, '307 isi.edu "Session parameter \\"foo\\" not understood"'),
    (parse_warning, '007 isi.edu "x"'),
    (parse_warning, '370 [2001:db8::1]:5060 ""'),
    (parse_retry_after, "18000"),
    (parse_retry_after, "18000;duration=3600"),
    (parse_retry_after, "120 (I'm in a (long) meeting);duration=3600"),
    (parse_event, "presence"),
    (parse_event, "refer;id=93809824"),
    (parse_subscription_state, "active;expires=3600"),
    (parse_subscription_state, "terminated;reason=timeout;retry-after=5"),
    (parse_authentication, 'Digest realm="example.net", nonce="a, b=c", qop="auth", stale=FALSE'),
    (parse_authentication, "NoOneKnowsThisScheme opaque-data=here"),
    (parse_authentication, "Bearer abc.def=="),
    (parse_media_type, "application/sdp"),
    (parse_media_type, 'multipart/mixed;boundary="a;b"'),
    (parse_content_disposition, "session;handling=optional"),
    (parse_diversion, '"A, B" <sip:a@b>;reason=no-answer;counter=2'),
    (parse_history_entry, "<sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1"),
    (parse_session_id, f"{HALF};remote={HALF[::-1]}"),
    (parse_session_id, HALF),
    (parse_user_to_user, "56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui"),
    (parse_user_to_user, '"a;\\"b";encoding=x'),
    (parse_identity, "eyJ.eyJ-_.sig;info=<https://c.example.net/x.cer>;alg=ES256;ppt=shaken"),
    (parse_identity, "..sig;info=<https://c.example.net/x.cer>"),
]

BAD: list[tuple[Parser, str]] = [
    (parse_cseq, "INVITE"),
    (parse_cseq, "1 INVITE x"),
    (parse_cseq, "1 IN/VITE"),
    (parse_cseq, "4294967296 INVITE"),
    (parse_cseq, "\u0661 INVITE"),
    (parse_replaces, ";to-tag=1;from-tag=2"),
    (parse_replaces, "x;from-tag=2"),
    (parse_replaces, "x;to-tag;from-tag=2"),
    (parse_join, "x y;to-tag=1;from-tag=2"),
    (parse_target_dialog, "x;to-tag=1;from-tag=2"),
    (parse_session_expires, "90;refresher=me"),
    (parse_session_expires, ""),
    (parse_min_se, "x"),
    (parse_min_se, "90;;"),
    (parse_rack, "1 1"),
    (parse_rack, "1 4294967296 INVITE"),
    (parse_rseq, "-1"),
    (parse_reason, ";cause=1"),
    (parse_warning, '30 a "b"'),
    (parse_warning, '3070 a "b"'),
    (parse_warning, "307 a b"),
    (parse_warning, "307 a"),
    (parse_retry_after, "soon"),
    (parse_retry_after, "4294967296"),
    (parse_retry_after, "1 (open"),
    (parse_retry_after, "1 (a) b"),
    (parse_event, ""),
    (parse_subscription_state, "act ive"),
    (parse_authentication, "Digest"),
    (parse_authentication, ""),
    (parse_authentication, 'Digest realm="a", realm="b"'),
    (parse_authentication, "Digest realm"),
    (parse_authentication, 'Digest realm="a'),
    (parse_media_type, "application"),
    (parse_media_type, "a/b c"),
    (parse_content_disposition, ";handling=optional"),
    (parse_diversion, "<sip:a@b"),
    (parse_history_entry, "<sip:a@b>"),
    (parse_history_entry, "<sip:a@b>;index=1..2"),
    (parse_session_id, "x"),
    (parse_session_id, f"{HALF};remote=x"),
    (parse_user_to_user, ""),
    (parse_user_to_user, "a b"),
    (parse_user_to_user, '"a'),
    (parse_user_to_user, '"a"b'),
    (parse_identity, "abc"),
    (parse_identity, '"old";info=<x>'),
    (parse_privacy, ""),
    (parse_privacy, "id;;user"),
]


@pytest.mark.parametrize(("parse", "text"), GOOD)
def test_value_is_written_back(parse: Parser, text: str) -> None:
    """Each file names its RFC."""
    assert str(parse(text)) == text


@pytest.mark.parametrize(("parse", "text"), BAD)
def test_malformed_value_is_refused(parse: Parser, text: str) -> None:
    """Only ParseError, with a status to answer."""
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.status == 400


def test_number_is_bounded() -> None:
    """RFC 4475 section 3.1.2.4."""
    assert parse_number(" 007 ", "x") == 7
    assert parse_number("0" * 500 + "1", "x") == 1
    with pytest.raises(ParseError, match="Max-Forwards is larger than 255"):
        parse_number("256", "Max-Forwards", limit=255)


def test_cseq_values_are_shared_and_equal_by_content() -> None:
    """RFC 3261 section 20.16."""
    cseq = parse_cseq(" 1   INVITE ")
    assert isinstance(cseq, CSeq)
    assert (cseq.number, cseq.method) == (1, "INVITE")


def test_reason_tells_its_cause_and_text() -> None:
    """RFC 3326 section 2; a cause that is no number is none."""
    reason = parse_reason('Q.850 ;cause=16;text="a \\"b\\""')
    assert (reason.protocol, reason.cause, reason.text) == ("Q.850", 16, 'a "b"')
    assert parse_reason("SIP;cause=20000").cause is None
    assert parse_reason("SIP;cause=\u0661").cause is None


def test_session_timer_tells_who_refreshes() -> None:
    """RFC 4028 section 4."""
    value = parse_session_expires("90 ; Refresher=UAC;x")
    assert (value.seconds, value.refresher, value.params) == (90, "uac", (("x", None),))
    assert parse_min_se("90;x=1") == 90


def test_subscription_state_tells_its_numbers_where_they_are_some() -> None:
    """RFC 6665 section 8.2.3."""
    state = parse_subscription_state("Terminated;Reason=NoResource;expires=9999999999;retry-after=5")
    assert (state.state, state.reason, state.expires, state.retry_after) == ("terminated", "noresource", None, 5)
    assert parse_event("Refer;id=7").id == "7"


def test_authentication_is_asked_by_name() -> None:
    """RFC 3261 section 22; quoted commas belong to the value."""
    value = parse_authentication('DIGEST Realm="a, \\"b\\"", nonce=x')
    assert (value.is_digest, value.get("realm"), value.get("nonce"), value.get("qop")) == (True, 'a, "b"', "x", "")
    assert "nonce" not in repr(value)


def test_unknown_scheme_keeps_its_text() -> None:
    """RFC 4475 section 3.3.7."""
    value = parse_authentication("Negotiate YII+/abc")
    assert (value.scheme, value.opaque, value.is_digest) == ("Negotiate", "YII+/abc", False)


def test_body_is_required_unless_it_says_otherwise() -> None:
    """RFC 3261 section 20.11."""
    assert parse_content_disposition("Render").is_required
    assert parse_content_disposition("render;handling=required").is_required
    assert not parse_content_disposition("render;handling=Optional").is_required
    assert parse_media_type('Multipart/MIXED ; boundary="x"').param("boundary") == "x"


def test_diversion_and_history_tell_why() -> None:
    """RFC 5806 section 9; RFC 7044 section 5, RFC 4458."""
    diversion = parse_diversion('<sip:a@b>;reason="User-Busy";counter=3;privacy=Full')
    assert (diversion.reason, diversion.counter, diversion.privacy) == ("user-busy", 3, "full")
    assert parse_diversion("<sip:a@b>;counter=999").counter == 1
    entry = parse_history_entry("<sip:a@b;cause=302?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1.2")
    assert (entry.index, entry.cause, entry.reason, entry.privacy) == ("1.2", "302", "SIP;cause=302", "history")


def test_identity_tells_its_certificate() -> None:
    """RFC 8224 section 4; RFC 8588 for `shaken`."""
    identity = parse_identity('a.b.c;info=<https://c.example.net/x.cer>;ppt="shaken"')
    assert (identity.info, identity.algorithm, identity.extension) == ("https://c.example.net/x.cer", "ES256", "shaken")


def test_privacy_is_a_list_of_words() -> None:
    """RFC 3323 section 4.2."""
    assert parse_privacy("ID; critical") == ("id", "critical")
    assert parse_privacy("id,user") == ("id", "user")
    assert format_privacy(("id", "critical")) == "id;critical"


def test_user_to_user_is_hexadecimal_unless_it_says_otherwise() -> None:
    """RFC 7433 section 4.1."""
    assert parse_user_to_user("04ab").encoding == "hex"
    assert parse_user_to_user("04ab;encoding=X").encoding == "x"
