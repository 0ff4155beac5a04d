"""Two ends of a handshake joined by lists: keys on both sides, or none on either."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from rtpengine.embedded.dtls import PATIENCE, Dtls, Fingerprint, Handshake, Identity, Role
from rtpengine.embedded.srtp import PacketBuffer
from tests.rtpengine.engines import rtp_packet


def announced(identity: Identity) -> tuple[Fingerprint, ...]:
    """What the SDP of that side says."""
    algorithm, _, value = identity.fingerprint.partition(" ")
    return (Fingerprint(algorithm, value),)


def shake(client: Dtls, server: Dtls) -> None:
    """Carry datagrams until neither has anything to say."""
    toward_server, toward_client = client.begin(0.0), server.begin(0.0)
    while toward_server or toward_client:
        assert all(len(datagram) <= 1200 for datagram in toward_server + toward_client)
        replies = [reply for datagram in toward_server for reply in server.receive(datagram, 0.0)]
        toward_server = [reply for datagram in toward_client + replies for reply in client.receive(datagram, 0.0)]
        toward_client = []


@pytest.fixture
def identities() -> tuple[Identity, Identity]:
    """Certificates of two sides."""
    return Identity(), Identity()


def test_handshake_gives_both_sides_the_same_keys(identities: tuple[Identity, Identity]) -> None:
    """RFC 5764 section 4.2: what one seals the other opens, both ways."""
    one, two = identities
    client = Dtls(one, Role.ACTIVE, announced(two), 0.0)
    server = Dtls(two, Role.PASSIVE, announced(one), 0.0)
    shake(client, server)
    assert (client.state, server.state) == (Handshake.DONE, Handshake.DONE)
    assert client.next_timer is None
    packet = rtp_packet(1)
    for sender, receiver in ((client, server), (server, client)):
        buffer = PacketBuffer(1500)
        buffer.data[: len(packet)] = packet
        size = sender.srtp.seal(buffer, len(packet), False)
        assert size > len(packet)
        assert receiver.srtp.open(buffer, size, False) == len(packet)
        assert buffer.data[: len(packet)] == packet


def test_certificate_that_was_not_announced_gives_no_keys(identities: tuple[Identity, Identity]) -> None:
    """RFC 5763 section 5: the handshake may well succeed, the media do not."""
    one, two = identities
    client = Dtls(one, Role.ACTIVE, announced(Identity()), 0.0)
    server = Dtls(two, Role.PASSIVE, announced(one), 0.0)
    shake(client, server)
    assert client.state is Handshake.FAILED
    buffer = PacketBuffer(1500)
    assert client.srtp.seal(buffer, 172, False) == -1


def test_weak_or_unknown_hashes_do_not_count(identities: tuple[Identity, Identity]) -> None:
    """RFC 8122 section 5: MD5 and what nobody knows never vouch for a certificate."""
    one, two = identities
    client = Dtls(one, Role.ACTIVE, (Fingerprint("md5", "00"), Fingerprint("x", "y")), 0.0)
    shake(client, Dtls(two, Role.PASSIVE, announced(one), 0.0))
    assert client.state is Handshake.FAILED


@pytest.mark.parametrize("role", [Role.ACTIVE, Role.PASSIVE])
def test_peer_with_an_rsa_certificate_is_spoken_with(identities: tuple[Identity, Identity], role: Role) -> None:
    """As client our offer has ECDHE-RSA in it, or older phones would have no cipher in common."""
    ours, theirs = identities
    key = rsa.generate_private_key(65537, 2048)
    now = datetime.datetime.now(tz=datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "phone")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80")
    theirs.fingerprint  # noqa: B018 - makes the context that is exchanged for the phone's
    theirs._context = context
    value = certificate.fingerprint(hashes.SHA256()).hex(":")
    us = Dtls(ours, role, (Fingerprint("SHA-256", value),), 0.0)
    phone = Dtls(theirs, Role.PASSIVE if role is Role.ACTIVE else Role.ACTIVE, announced(ours), 0.0)
    shake(*((us, phone) if role is Role.ACTIVE else (phone, us)))
    assert us.state is Handshake.DONE
    assert us.srtp.suite == "AES_CM_128_HMAC_SHA1_80"


def test_silence_ends_a_handshake(identities: tuple[Identity, Identity]) -> None:
    """A first flight is repeated on OpenSSL's clock, and given up on ours."""
    one, two = identities
    client = Dtls(one, Role.ACTIVE, announced(two), 0.0)
    assert client.begin(0.0)
    assert client.next_timer is not None
    assert client.next_timer <= PATIENCE
    assert client.handle_timer(PATIENCE) == []
    assert client.state is Handshake.FAILED
    assert client.next_timer is None


def test_noise_does_not_raise(identities: tuple[Identity, Identity]) -> None:
    """Bytes of a stranger are no reason to end anything."""
    one, two = identities
    server = Dtls(two, Role.PASSIVE, announced(one), 0.0)
    for noise in (b"\x16", b"\x16\xfe\xfd" + bytes(40), b"\x17" * 1500, b"\x14\xfe\xff" + b"\xff" * 20):
        server.receive(noise, 0.0)
    client = Dtls(one, Role.ACTIVE, announced(two), 0.0)
    shake(client, server)
    assert server.state is Handshake.DONE


def test_restart_begins_from_nothing(identities: tuple[Identity, Identity]) -> None:
    """A stranger's hello is forgotten when the peer's own comes."""
    one, two = identities
    server = Dtls(two, Role.PASSIVE, announced(one), 0.0)
    stranger = Dtls(Identity(), Role.ACTIVE, announced(two), 0.0)
    server.receive(stranger.begin(0.0)[0], 0.0)
    server.restart(1.0)
    client = Dtls(one, Role.ACTIVE, announced(two), 1.0)
    shake(client, server)
    assert server.state is Handshake.DONE
