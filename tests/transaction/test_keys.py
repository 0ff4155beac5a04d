"""What makes two messages one transaction."""

from __future__ import annotations

from sbc.transaction import server_key
from sbc.transaction.keys import answered_tag, client_key, merge_key
from tests.transaction.script import INSIDE, TCP, UDP, request, response


def test_client_key_is_branch_and_cseq_method() -> None:
    """RFC 3261 section 17.1.3."""
    assert client_key(response(200, "CANCEL", branch="z9hG4bKx")) == ("z9hG4bKx", "CANCEL")


def test_server_key_is_branch_sent_by_and_method() -> None:
    """RFC 3261 section 17.2.3: what the RFC does not name makes no difference."""
    key = server_key(request("INVITE"), UDP)

    assert server_key(request("INVITE", call_id="other", uri="sip:x@y", to_tag="z"), UDP) == key
    assert server_key(request("INVITE", branch=";branch=z9hG4bKa2"), UDP) != key
    assert server_key(request("INVITE", sent_by="192.0.2.9"), UDP) != key
    assert server_key(request("INVITE", sent_by="192.0.2.1:5062"), UDP) != key
    assert server_key(request("OPTIONS"), UDP) != key


def test_sent_by_with_the_default_port_is_the_one_without() -> None:
    """RFC 3261 section 18.2.2: 5060 where none is given."""
    assert server_key(request("INVITE", sent_by="192.0.2.1:5060"), UDP) == server_key(request("INVITE"), UDP)


def test_ack_has_the_key_of_its_invite_and_cancel_has_not() -> None:
    """RFC 3261 section 17.2.3."""
    key = server_key(request("INVITE"), UDP)

    assert server_key(request("ACK", to_tag="t1"), UDP) == key
    assert server_key(request("CANCEL"), UDP) != key


def test_a_branch_of_another_listener_is_another_transaction() -> None:
    """A stranger in one realm cannot reach into a transaction of another."""
    assert server_key(request("INVITE"), INSIDE) != server_key(request("INVITE"), UDP)
    assert server_key(request("INVITE"), TCP) != server_key(request("INVITE"), UDP)


def test_a_forged_branch_cannot_spell_another_key() -> None:
    """The branch is the peer's text; whatever it holds, the rest of the key stands behind it."""
    forged = request("INVITE", branch=";branch=z9hG4bKa1 192.0.2.1:5060 0 INVITE", sent_by="203.0.113.66")

    assert server_key(forged, UDP) != server_key(request("INVITE"), UDP)


def test_without_the_cookie_six_values_decide() -> None:
    """RFC 3261 section 17.2.3: Request-URI, To tag, From tag, Call-ID, CSeq and topmost Via."""
    for branch in ("", ";branch=1", ";branch=z9hG4bK"):
        key = server_key(request("OPTIONS", branch=branch), UDP)

        assert server_key(request("OPTIONS", branch=branch), UDP) == key
        assert server_key(request("OPTIONS", branch=branch, uri="sip:bob@example.net"), UDP) != key
        assert server_key(request("OPTIONS", branch=branch, to_tag="t1"), UDP) != key
        assert server_key(request("OPTIONS", branch=branch, from_tag="f2"), UDP) != key
        assert server_key(request("OPTIONS", branch=branch, call_id="c2"), UDP) != key
        assert server_key(request("OPTIONS", branch=branch, cseq="2 OPTIONS"), UDP) != key
        assert server_key(request("OPTIONS", branch=branch, sent_by="192.0.2.9"), UDP) != key
        assert server_key(request("INFO", branch=branch), UDP) != key
        assert server_key(request("OPTIONS", branch=branch), INSIDE) != key


def test_merge_key_ignores_the_way_a_request_took() -> None:
    """RFC 3261 section 8.2.2.2: From tag, Call-ID and CSeq."""
    key = merge_key(request("INVITE"))

    assert key
    assert merge_key(request("INVITE", branch=";branch=z9hG4bKa2", sent_by="192.0.2.9", uri="sip:x@y")) == key
    assert merge_key(request("INVITE", from_tag="f2")) != key
    assert merge_key(request("INVITE", call_id="c2")) != key
    assert merge_key(request("INVITE", cseq="2 INVITE")) != key
    assert merge_key(request("OPTIONS")) != key


def test_requests_in_a_dialog_and_ack_and_cancel_are_never_merged() -> None:
    """RFC 3261 section 8.2.2.2 asks for requests without a To tag; ACK and CANCEL name another transaction."""
    assert merge_key(request("BYE", to_tag="t1")) == ""
    assert merge_key(request("ACK")) == ""
    assert merge_key(request("CANCEL")) == ""


def test_answered_tag_reads_our_own_bytes() -> None:
    """RFC 3261 section 17.2.3: an RFC 2543 ACK is matched by the To tag that we sent."""
    assert answered_tag(b"SIP/2.0 486 Busy Here\r\nTo: <sip:b@x>;tag=ours\r\nCSeq: 1 INVITE\r\n\r\n") == "ours"
    assert answered_tag(b"SIP/2.0 100 Trying\r\nTo: <sip:b@x>\r\n\r\n") == ""
    assert answered_tag(b"SIP/2.0 100 Trying\r\n\r\n") == ""
