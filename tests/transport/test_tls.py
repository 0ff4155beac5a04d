"""TLS on loopback: who is let in, who is believed, and what happens to the rest."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sbc.config import Certificate, Config, Tls
from sbc.transport import NotTaken, StreamLimits, Transports, run
from sbc.wire import Flow
from tests.kit.certificates import Authority
from tests.transport.kit import OPTIONS, config, limited, opened, until

pytestmark = pytest.mark.interop

TLS = ("TLS", "127.0.0.1")
Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(authority: Authority, **more: object) -> Config:
    """A realm with a TLS listener whose certificate is for `sbc.example.net`."""
    own = authority.issue("edge", dns=("sbc.example.net",))
    plain = config(TLS)
    tls = replace(Tls(own, authority.ca), **more)  # type: ignore[arg-type]
    return replace(plain, realms={"outside": replace(plain.realms["outside"], tls=tls)})


def client(authority: Authority, own: Certificate | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca)
    if own is not None:
        context.load_cert_chain(own.certificate, own.key)
    return context


async def connect(transports: Transports, context: ssl.SSLContext, name: str = "sbc.example.net") -> Peer:
    return await asyncio.open_connection("127.0.0.1", transports.bound[0].port, ssl=context, server_hostname=name)


async def is_refused(transports: Transports, context: ssl.SSLContext, name: str = "sbc.example.net") -> bool:
    """True where the server closes without a word; in TLS 1.3 the client thinks itself connected until it reads."""
    try:
        reader, writer = await connect(transports, context, name)
    except (ssl.SSLError, ConnectionError):
        return True
    try:
        async with asyncio.timeout(30):
            return await reader.read() == b""
    except (ssl.SSLError, ConnectionError):
        return True
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()


def test_messages_come_and_go_encrypted_and_a_client_without_certificate_has_no_name(authority: Authority) -> None:
    async def scenario() -> None:
        async with opened(settings(authority)) as (transports, heard):
            reader, writer = await connect(transports, client(authority))
            writer.write(OPTIONS + OPTIONS)
            await until(lambda: len(heard.messages) == 2)
            data, flow = heard.messages[0]
            assert (data, flow.transport, flow.names, flow.connection > 0) == (OPTIONS, "TLS", (), True)
            transports.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
            assert await reader.readexactly(18) == b"SIP/2.0 200 OK\r\n\r\n"
            assert transports.handshakes == 0
            await hang_up(writer)
            await until(lambda: not transports.connections)

    run(scenario())


def test_a_large_message_crosses_records(authority: Authority) -> None:
    async def scenario() -> None:
        async with opened(settings(authority)) as (transports, heard):
            reader, writer = await connect(transports, client(authority))
            big = OPTIONS.replace(b"Content-Length: 0", b"X: " + b"x" * 40000 + b"\r\nContent-Length: 0")
            writer.write(big)
            await until(lambda: heard.messages)
            assert heard.messages[0][0] == big
            transports.send(b"y" * 300_000, heard.messages[0][1])
            assert await reader.readexactly(300_000) == b"y" * 300_000
            await hang_up(writer)

    run(scenario())


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_a_client_certificate_tells_the_engine_who_it_is(authority: Authority, mode: str) -> None:
    """RFC 5922 section 7.1: the SIP URI, not the DNS name."""

    async def scenario() -> None:
        own = authority.issue("carrier", dns=("host.carrier.example",), uris=("sip:carrier.example",))
        async with opened(settings(authority, verify_client=mode)) as (transports, heard):
            _, writer = await connect(transports, client(authority, own))
            writer.write(OPTIONS)
            await until(lambda: heard.messages)
            assert heard.messages[0][1].names == ("carrier.example",)
            await hang_up(writer)

    run(scenario())


def test_a_missing_an_expired_and_a_foreign_certificate_are_refused_and_told_apart(
    authority: Authority, tmp_path: Path
) -> None:
    async def scenario() -> None:
        expired = authority.issue("expired", dns=("carrier.example",), days=-1)
        foreign = Authority(tmp_path, "Other CA").issue("foreign", dns=("carrier.example",))
        async with opened(settings(authority, verify_client="required")) as (transports, heard):
            for own in (None, expired, foreign):
                assert await is_refused(transports, client(authority, own))
            await until(lambda: len(heard.turned_away) == 3)
            assert [reason for _, reason in heard.turned_away] == [
                "no certificate shown, and one is required",
                "certificate not accepted: certificate has expired",
                "certificate not accepted: unable to get local issuer certificate",
            ]
            assert {flow.host for flow, _ in heard.turned_away} == {"127.0.0.1"}
            missing, late, strange = heard.shown
            assert missing == ""
            assert late.startswith("carrier.example, issued by CN=Test CA, serial ")
            assert strange.startswith("carrier.example, issued by CN=Other CA, serial ")
            assert heard.messages == []
            assert transports.counters.handshakes_failed == 3

    run(scenario())


def test_the_name_a_client_asks_for_chooses_the_certificate_and_never_the_demands(authority: Authority) -> None:
    """A context that SNI swaps in does not bring its verify mode: that of the listener holds."""

    async def scenario() -> None:
        other = authority.issue("other", dns=("other.example",))
        sni = (("other.example", other),)
        async with opened(settings(authority, sni=sni, verify_client="required")) as (transports, heard):
            own = authority.issue("carrier", dns=("carrier.example",))
            for name in ("other.example", "Other.Example", "sbc.example.net"):
                _, writer = await connect(transports, client(authority, own), name)
                writer.write(OPTIONS)
                await hang_up(writer)
            await until(lambda: len(heard.messages) == 3)
            assert {flow.names for _, flow in heard.messages} == {("carrier.example",)}
            assert await is_refused(transports, client(authority), "other.example")
            assert heard.turned_away

    run(scenario())


def test_certificates_are_replaced_while_connections_stay(authority: Authority) -> None:
    async def scenario() -> None:
        made = settings(authority)
        async with opened(made) as (transports, heard):
            old_reader, old = await connect(transports, client(authority))
            old.write(OPTIONS)
            await until(lambda: heard.messages)
            before = old.get_extra_info("peercert")["serialNumber"]
            authority.issue("edge", dns=("sbc.example.net",))
            transports.take_certificates(made)
            _, new = await connect(transports, client(authority))
            assert new.get_extra_info("peercert")["serialNumber"] != before
            old.write(OPTIONS)
            await until(lambda: len(heard.messages) == 2)
            transports.send(b"still here", heard.messages[1][1])
            assert await old_reader.readexactly(10) == b"still here"
            await hang_up(old)
            await hang_up(new)

    run(scenario())


def test_files_that_cannot_be_used_leave_the_old_certificates_in_force(authority: Authority) -> None:
    async def scenario() -> None:
        made = settings(authority)
        async with opened(made) as (transports, _):
            tls = made.realms["outside"].tls
            assert tls is not None
            spoil(tls.own.key)
            with pytest.raises(OSError, match=r".+"):
                transports.take_certificates(made)
            _, writer = await connect(transports, client(authority))
            await hang_up(writer)

    run(scenario())


def test_tls_below_1_2_is_refused(authority: Authority) -> None:
    """RFC 8996."""

    async def scenario() -> None:
        async with opened(settings(authority)) as (transports, heard):
            work = await asyncio.create_subprocess_exec(
                *("openssl", "s_client", "-connect", f"127.0.0.1:{transports.bound[0].port}", "-tls1_1"),
                *("-cipher", "ALL:@SECLEVEL=0"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert await work.wait() != 0
            await until(lambda: heard.turned_away)
            assert heard.turned_away[0][1] == "speaks no version of TLS that we do (1.2 and later)"

    run(scenario())


@pytest.mark.parametrize("said", [b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_plain_text_on_a_tls_listener_is_refused(authority: Authority, said: bytes) -> None:
    async def scenario() -> None:
        async with opened(settings(authority)) as (transports, heard):
            reader, writer = await asyncio.open_connection("127.0.0.1", transports.bound[0].port)
            writer.write(said)
            await until(lambda: heard.turned_away)
            assert heard.turned_away[0][1].startswith("speaks")
            assert heard.messages == []
            await reader.read()
            await hang_up(writer)

    run(scenario())


def test_half_open_connections_are_bounded_in_number_and_time(authority: Authority) -> None:
    async def scenario() -> None:
        limits = StreamLimits(handshakes=3, handshake=0.3)
        async with opened(settings(authority), limits) as (transports, heard):
            port = transports.bound[0].port
            peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            await until(lambda: len(heard.turned_away) == 2)
            assert {reason for _, reason in heard.turned_away} == {"crowded out by newer handshakes"}
            assert transports.handshakes == 3
            await until(lambda: len(heard.turned_away) == 5)
            assert {reason for _, reason in heard.turned_away[2:]} == {"handshake timed out"}
            assert transports.handshakes == 0
            for reader, writer in peers:
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
                await hang_up(writer)
            _, writer = await connect(transports, client(authority))
            await hang_up(writer)

    run(scenario())


def test_a_host_has_only_so_many_connections_half_open_ones_counted(authority: Authority) -> None:
    async def scenario() -> None:
        async with opened(limited(settings(authority), connections_per_source=2)) as (transports, heard):
            port = transports.bound[0].port
            _, first = await connect(transports, client(authority))
            _, second = await asyncio.open_connection("127.0.0.1", port)
            await until(lambda: transports.handshakes == 1)
            assert await is_refused(transports, client(authority))
            assert [reason for _, reason in heard.ended] == [NotTaken.SOURCE_FULL]
            await hang_up(first)
            await hang_up(second)

    run(scenario())


def test_a_peer_that_does_not_read_is_cut_off(authority: Authority) -> None:
    async def scenario() -> None:
        async with opened(settings(authority), StreamLimits(buffered=100_000)) as (transports, heard):
            reader, writer = await connect(transports, client(authority))
            transport = writer.transport
            assert isinstance(transport, asyncio.ReadTransport)
            writer.write(OPTIONS)
            await until(lambda: heard.messages)
            transport.pause_reading()
            flow = heard.messages[0][1]
            for _ in range(400):
                transports.send(b"x" * 60_000, flow)
            await until(lambda: heard.undelivered)
            assert heard.undelivered[0] == (flow, "peer does not read")
            transport.abort()
            del reader

    run(scenario())


def spoil(path: str) -> None:
    Path(path).write_text("no key", encoding="ascii")


class Server:
    """A TLS server of the test's own."""

    def __init__(self, own: Certificate, ca: str = "") -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(own.certificate, own.key)
        self.context.sni_callback = self._asked
        if ca:
            self.context.load_verify_locations(ca)
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.received = b""
        self.asked: list[str | None] = []
        self.accepted = 0
        self.peer: dict[str, object] = {}

    def _asked(self, _: object, name: str | None, __: ssl.SSLContext) -> None:
        self.asked.append(name)

    async def start(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        return int(self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.peer = writer.get_extra_info("peercert")
        while data := await reader.read(65536):
            self.received += data
        await hang_up(writer)


def test_a_server_must_prove_a_name_that_is_wanted_and_the_connection_is_used_again(authority: Authority) -> None:
    """RFC 5922 section 7.3; the name is asked for by SNI, and our own certificate is shown to who asks for it."""

    async def scenario() -> None:
        server = Server(authority.issue("carrier", dns=("sip.carrier.example",)), authority.ca)
        port = await server.start()
        async with opened(settings(authority)) as (transports, heard):
            flow = Flow(0, "TLS", "127.0.0.1", port, names=("sip.carrier.example", "*.carrier.example"))
            transports.send(b"one", flow)
            transports.send(b"two", flow)
            await until(lambda: server.received == b"onetwo")
            transports.send(b"three", Flow(0, "TLS", "127.0.0.1", port, names=("*.carrier.example",)))
            await until(lambda: server.received == b"onetwothree")
            assert (server.accepted, server.asked) == (1, ["sip.carrier.example"])
            assert server.peer["subjectAltName"] == (("DNS", "sbc.example.net"),)
            transports.send(b"four", Flow(0, "TLS", "127.0.0.1", port, names=("other.example",)))
            await until(lambda: heard.undelivered)
            reason = "TLS: wrong certificate: it is for sip.carrier.example, not other.example"
            assert heard.undelivered[0][1].startswith(f"{reason} (sip.carrier.example, issued by CN=Test CA, serial ")
            assert heard.turned_away == []
            assert b"four" not in server.received
        server.server.close()

    run(scenario())


@pytest.mark.parametrize(
    ("days", "signer", "reason"),
    [
        (-1, "Test CA", "TLS: certificate not accepted: certificate has expired"),
        (365, "Other CA", "TLS: certificate not accepted: unable to get local issuer certificate"),
    ],
)
def test_a_server_that_is_not_believed_gets_no_message(
    authority: Authority, tmp_path: Path, days: int, signer: str, reason: str
) -> None:
    async def scenario() -> None:
        by = authority if signer == "Test CA" else Authority(tmp_path, signer)
        server = Server(by.issue("carrier", dns=("carrier.example",), days=days))
        port = await server.start()
        async with opened(settings(authority)) as (transports, heard):
            flow = Flow(0, "TLS", "127.0.0.1", port, names=("carrier.example",))
            transports.send(b"one", flow)
            await until(lambda: heard.undelivered)
            [(refused, why)] = heard.undelivered
            assert refused == flow
            assert why.startswith(f"{reason} (carrier.example, issued by CN={signer}, serial ")
            assert server.received == b""
        server.server.close()

    run(scenario())


def test_a_target_written_as_an_address_must_prove_that_address(authority: Authority) -> None:
    async def scenario() -> None:
        server = Server(authority.issue("carrier", addresses=("127.0.0.1",)))
        port = await server.start()
        async with opened(settings(authority)) as (transports, _):
            transports.send(b"one", Flow(0, "TLS", "127.0.0.1", port))
            await until(lambda: server.received == b"one")
            assert server.asked == [None], "RFC 6066 section 3: no server name for an address"
        server.server.close()
        other = Server(authority.issue("other", dns=("carrier.example",), addresses=("127.0.0.2",)))
        port = await other.start()
        async with opened(settings(authority)) as (transports, heard):
            flow = Flow(0, "TLS", "127.0.0.1", port)
            transports.send(b"two", flow)
            await until(lambda: heard.undelivered)
            [(refused, why)] = heard.undelivered
            assert refused == flow
            assert why.startswith("TLS: wrong certificate: it is for carrier.example, 127.0.0.2, not 127.0.0.1 (")
            assert other.received == b""
        other.server.close()

    run(scenario())


def test_a_server_that_never_answers_the_handshake_is_given_up(authority: Authority) -> None:
    async def scenario() -> None:
        async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(listen_only, "127.0.0.1", 0)
        async with opened(settings(authority), StreamLimits(connect=0.2)) as (transports, heard):
            flow = Flow(0, "TLS", "127.0.0.1", server.sockets[0].getsockname()[1])
            transports.send(b"one", flow)
            await until(lambda: heard.undelivered)
            assert heard.undelivered == [(flow, "connection timed out")]
            assert transports.handshakes == 0
        server.close()

    run(scenario())
