"""Lines in an order that engines read."""

from __future__ import annotations

import pytest

from sbc.media.lines import HOST_NAME, MULTICAST, objection_to_places, orderly, placed, shares_place

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
C = b"c=IN IP4 192.0.2.1\r\n"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (HEAD + C + b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n", None),
        (HEAD + b"t=0 0\r\na=x\r\nm=audio 4000 RTP/AVP 0\r\n" + C + b"a=sendrecv\r\n", None),
        (b"", None),
        (
            HEAD + b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\na=y\r\n" + C + b"a=z\r\nm=video 0 RTP/AVP 9\r\n",
            HEAD + b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n" + C + b"a=sendrecv\r\na=y\r\na=z\r\nm=video 0 RTP/AVP 9\r\n",
        ),
    ],
)
def test_addresses_come_before_attributes(given: bytes, wanted: bytes | None) -> None:
    """RFC 8866 section 5: what is in order is not touched."""
    assert orderly(given) == (given if wanted is None else wanted)


ONE = HEAD + C + b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


@pytest.mark.parametrize(
    ("made", "shares"),
    [
        (ONE, True),
        (ONE.replace(b"4000", b"30000"), False),
        (ONE.replace(b"192.0.2.1", b"192.0.2.9"), False),
        (ONE.replace(b"4000", b"0"), False),
    ],
)
def test_stream_at_the_peer_itself_is_no_work_of_an_engine(made: bytes, shares: bool) -> None:
    """Host and port together: engine and peers may be on one host."""
    assert shares_place(ONE, made) is shares
    assert not shares_place(ONE.replace(b"4000", b"0"), ONE.replace(b"4000", b"0"))


@pytest.mark.parametrize(
    ("connection", "objection"),
    [
        (b"IN IP4 192.0.2.1", ""),
        (b"IN IP4 0.0.0.0", ""),
        (b"IN IP6 2001:db8::1", ""),
        (b"IN IP6 ::ffff:192.0.2.1", ""),
        (b"IN IP4 pbx.corp.local", HOST_NAME),
        (b"IN IP6 pbx.corp.local", HOST_NAME),
        (b"IN IP4 0x7f000001", HOST_NAME),
        (b"IN IP4 224.2.1.1/127", MULTICAST),
        (b"IN IP4 239.255.0.1", MULTICAST),
        (b"IN IP6 FF15::101/3", MULTICAST),
    ],
)
def test_media_go_to_an_address_of_one_host(connection: bytes, objection: str) -> None:
    """RFC 8866 section 5.7 allows names and groups: neither the one above the streams nor that of a stream crosses."""
    for lines in (b"c=%b\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n", b"t=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=%b"):
        assert objection_to_places(HEAD + lines % connection) == objection


def test_a_name_beside_the_port_of_rtcp_goes_and_the_port_stays() -> None:
    """RFC 3605: 10.5.3 passes that line on where it finds no address in it."""
    named = ONE + b"a=rtcp:4005 IN IP4 pbx.corp.local\r\na=sendrecv\r\n"
    assert placed(named) == ONE + b"a=rtcp:4005\r\na=sendrecv\r\n"
    for untouched in (ONE, ONE + b"a=rtcp:4005\r\n", ONE + b"a=rtcp:4005 IN IP4 192.0.2.7\r\n"):
        assert placed(untouched) == untouched
