"""The engine's calls: ports, parties, limits and time, without a network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtpengine import Answer, Delete, Flag, List, Offer, Options, Query, Result, RtcpMux, Statistics, Support
from rtpengine.embedded import FastPathCounters, Flow, Limits
from rtpengine.embedded.stream import StreamState
from tests.rtpengine.embedded.kit import Bench, sdp
from tests.rtpengine.engines import connection, media_ports

KEEP = Options(flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING))


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An engine on one interface."""
    bench = Bench()
    yield bench
    bench.close()


def offer(bench: Bench, body: bytes, *, call: str = "c", by: str = "a", to: str = "", options: Options = KEEP) -> bytes:
    """The description that the other party gets."""
    reply = bench.ask(Offer(call, by, body, to, options=options))
    reply.check()
    return reply.sdp


def answer(
    bench: Bench, body: bytes, *, call: str = "c", by: str = "b", to: str = "a", options: Options = KEEP
) -> bytes:
    """The same for an answer, `to` the offerer's tag."""
    reply = bench.ask(Answer(call, to, by, body, options=options))
    reply.check()
    return reply.sdp


def test_call_takes_two_pairs_and_gives_them_back(bench: Bench) -> None:
    """One pair a leg, both with the offer."""
    offer(bench, sdp())
    assert bench.ports.count == 4
    bench.ask(Delete("c"))
    assert bench.ports.count == 0
    assert not bench.engine.calls


def test_ports_are_not_guessable_and_rest_after_use(bench: Bench) -> None:
    """The order is random, and a freed pair is not the next one given out."""
    seen = []
    for number in range(8):
        seen += media_ports(offer(bench, sdp(), call=str(number)))
        bench.ask(Delete(str(number)))
    assert len(set(seen)) == len(seen)
    assert seen != sorted(seen)


def test_pair_that_another_process_sits_on_is_passed_over(bench: Bench) -> None:
    """RTP or RTCP."""
    bench.ports.taken = {*range(40000, 40040, 2), *range(40041, 40100, 2)} - {40010, 40020}
    offer(bench, sdp())
    assert {port for _, port in bench.ports.open if bench.ports.open[_, port].fileno() >= 0} == {
        40010,
        40011,
        40020,
        40021,
    }


def test_without_ports_the_whole_call_ends_and_nothing_stays_open() -> None:
    """An established one too, on a re-offer: as the real daemon has it."""
    bench = Bench(ports=(40000, 40003))
    offer(bench, sdp())
    answer(bench, sdp("198.51.100.1"))
    assert bench.ask(Offer("d", "a", sdp())).error_reason == "Ran out of ports"
    assert list(bench.engine.calls) == ["c"]
    wider = sdp() + b"m=video 4002 RTP/AVP 96\r\n"
    assert bench.ask(Offer("c", "a", wider, "b")).error_reason == "Ran out of ports"
    assert bench.ports.count == 0
    assert bench.ask(Query("c")).error_reason == "Unknown call-id"
    assert media_ports(offer(bench, sdp(), call="e"))
    bench.close()


def test_failed_first_offer_leaves_no_call(bench: Bench) -> None:
    """Unlike the real daemon, which keeps an empty one."""
    assert bench.ask(Offer("c", "a", b"v=0\r\ns=-\r\n")).error_reason == "Error rewriting SDP"
    assert not bench.engine.calls


def test_own_address_as_a_peer_is_not_sent_to(bench: Bench) -> None:
    """Two legs that named each other's sockets would circle a packet for ever."""
    port = media_ports(offer(bench, sdp()))[0]
    answer(bench, sdp("127.0.0.1", port))
    assert bench.stream(port).remote is None


def test_stream_rejected_in_the_answer_frees_its_ports_on_both_sides(bench: Bench) -> None:
    """RFC 3264 section 6."""
    two = sdp() + b"m=video 4002 RTP/AVP 96\r\n"
    offer(bench, two)
    assert bench.ports.count == 8
    assert media_ports(answer(bench, sdp("198.51.100.1") + b"m=video 0 RTP/AVP 96\r\n"))[1] == 0
    assert bench.ports.count == 4


def test_stream_ended_by_a_re_offer_keeps_its_ports_until_the_answer(bench: Bench) -> None:
    """A re-INVITE may fail, and then everything is as it was."""
    two = sdp() + b"m=video 4002 RTP/AVP 96\r\n"
    offer(bench, two)
    answer(bench, two.replace(b"192.0.2.1", b"198.51.100.1"))
    assert media_ports(offer(bench, sdp() + b"m=video 0 RTP/AVP 96\r\n", to="b"))[1] == 0
    assert bench.ports.count == 8
    answer(bench, sdp("198.51.100.1") + b"m=video 0 RTP/AVP 96\r\n")
    assert bench.ports.count == 4


def test_rolled_back_re_offer_leaves_the_ports_as_they_were(bench: Bench) -> None:
    """What the media session sends after a failed re-INVITE."""
    to_b = media_ports(offer(bench, sdp()))
    to_a = media_ports(answer(bench, sdp("198.51.100.1")))
    offer(bench, sdp("198.51.100.7"), by="b", to="a")
    assert media_ports(offer(bench, sdp(), to="b")) == to_b
    assert media_ports(answer(bench, sdp("198.51.100.1"))) == to_a
    assert bench.stream(to_b[0]).remote == ("198.51.100.1", 4000)


def test_answer_has_no_more_streams_than_its_offer(bench: Bench) -> None:
    """What is beyond gets port 0 and no socket."""
    offer(bench, sdp())
    assert media_ports(answer(bench, sdp("198.51.100.1") + b"m=video 4002 RTP/AVP 96\r\n"))[1] == 0
    assert bench.ports.count == 4


def test_re_offer_with_fewer_streams_frees_the_rest(bench: Bench) -> None:
    """Against RFC 3264 section 8, but nothing may stay behind."""
    two = sdp() + b"m=video 4002 RTP/AVP 96\r\n"
    offer(bench, two)
    answer(bench, two)
    offer(bench, sdp(), to="b")
    assert bench.ports.count == 4


def test_another_tag_of_the_same_offer_is_the_same_party(bench: Bench) -> None:
    """A second fork answers at ports that were announced, and either tag names the party afterwards."""
    to_b = media_ports(offer(bench, sdp()))
    to_a = media_ports(answer(bench, sdp("198.51.100.1"), by="b1"))
    assert media_ports(answer(bench, sdp("198.51.100.2"), by="b2")) == to_a
    assert bench.ports.count == 4
    assert bench.stream(to_b[0]).remote == ("198.51.100.2", 4000)
    assert media_ports(offer(bench, sdp("198.51.100.2"), by="b1", to="a")) == to_a


def test_branches_have_their_own_ports_until_deleted(bench: Bench) -> None:
    """Forking with a via-branch for each."""
    for branch in ("z1", "z2"):
        bench.ask(Offer("c", "a", sdp(), via_branch=branch, options=KEEP)).check()
    assert bench.ports.count == 6
    bench.ask(Answer("c", "a", "b2", sdp("198.51.100.1"), "z2", options=KEEP)).check()
    assert "tags" in bench.ask(Delete("c", "a", via_branch="z1")).body
    assert bench.ports.count == 4
    assert bench.ask(Query("c")).result is Result.OK


def test_ipv6_leg_beside_an_ipv4_leg() -> None:
    """`address family` chooses the receiver's; the sender's is that of its SDP."""
    bench = Bench("in/127.0.0.1", "in/::1")
    shown = offer(bench, sdp(), options=Options(address_family="IP6"))
    assert connection(shown) == "IN IP6 ::1"
    back = answer(bench, sdp("2001:db8::5"))
    assert connection(back) == "IN IP4 127.0.0.1"
    assert bench.stream(media_ports(shown)[0], "::1").remote == ("2001:db8::5", 4000, 0, 0)
    bench.close()


def test_peer_of_a_family_that_the_leg_does_not_have_is_not_sent_to(bench: Bench) -> None:
    """There is no socket that could."""
    port = media_ports(offer(bench, sdp()))[0]
    answer(bench, sdp("2001:db8::5"))
    assert bench.stream(port).remote is None


def test_rtcp_goes_where_the_sdp_says(bench: Bench) -> None:
    """RFC 3605, and the next port without it."""
    port = media_ports(offer(bench, sdp()))[0]
    answer(bench, sdp("198.51.100.1", extra="a=rtcp:4999 IN IP4 198.51.100.9\r\n"))
    assert bench.stream(port + 1).remote == ("198.51.100.9", 4999)
    answer(bench, sdp("198.51.100.1"))
    assert bench.stream(port + 1).remote == ("198.51.100.1", 4001)


@pytest.mark.parametrize(
    ("words", "offers", "answers", "callee", "shown", "returned"),
    [
        ((), True, True, True, True, True),
        ((), True, False, False, True, False),
        ((RtcpMux.DEMUX,), True, False, False, False, True),
        ((RtcpMux.ACCEPT,), True, False, False, True, True),
        ((RtcpMux.REJECT,), True, True, True, True, False),
        ((RtcpMux.OFFER,), False, True, True, True, False),
        ((RtcpMux.DEMUX,), False, True, False, False, False),
    ],
)
def test_rtcp_multiplexing_is_settled_for_each_leg(
    bench: Bench,
    words: tuple[RtcpMux, ...],
    offers: bool,
    answers: bool,
    callee: bool,
    shown: bool,
    returned: bool,
) -> None:
    """RFC 5761 section 5.1.1: what the callee is offered, whether its leg is muxed, what the caller is answered."""
    mux = "a=rtcp-mux\r\n"
    options = Options(flags=KEEP.flags, rtcp_mux=words)
    to_b = offer(bench, sdp(extra=mux if offers else ""), options=options)
    to_a = answer(bench, sdp("198.51.100.1", extra=mux if answers else ""))
    assert (mux.encode() in to_b, mux.encode() in to_a) == (shown, returned)
    assert bench.stream(media_ports(to_b)[0]).is_muxed is callee
    assert bench.stream(media_ports(to_a)[0]).is_muxed is returned


def test_session_limit_is_told_in_the_form_that_is_understood() -> None:
    """The legacy text without `supports`; re-offers pass."""
    bench = Bench(limits=Limits(max_sessions=1))
    offer(bench, sdp())
    assert bench.ask(Offer("d", "a", sdp())).error_reason == "Parallel session limit reached"
    limited = bench.ask(Offer("d", "a", sdp(), options=Options(supports=(Support.LOAD_LIMIT,))))
    assert limited.result is Result.LOAD_LIMIT
    offer(bench, sdp(), to="b")
    bench.close()


def test_delayed_delete_is_exact_and_an_offer_cancels_it(bench: Bench) -> None:
    """The real daemon's ways."""
    offer(bench, sdp())
    bench.ask(Delete("c", delay=10))
    bench.advance(9.9)
    offer(bench, sdp())
    bench.advance(5)
    assert bench.engine.calls
    bench.ask(Delete("c", delay=None))
    bench.advance(29.9)
    assert bench.engine.calls
    bench.advance(0.2)
    assert not bench.engine.calls
    assert bench.ports.count == 0


def test_call_without_a_packet_times_out(bench: Bench) -> None:
    """After `timeout` since the last packet of any stream."""
    port = media_ports(offer(bench, sdp()))[0]
    answer(bench, sdp("198.51.100.1"))
    bench.advance(59)
    bench.stream(port).last = bench.now
    bench.advance(59)
    assert bench.engine.calls
    bench.advance(1)
    assert not bench.engine.calls
    assert bench.engine.totals.timeouts == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (sdp(direction="inactive"), sdp("198.51.100.1", direction="inactive")),
        (sdp(direction="sendonly"), sdp("198.51.100.1", direction="recvonly")),
        (sdp("0.0.0.0"), sdp("198.51.100.1")),
    ],
)
def test_held_call_lasts_until_the_silent_timeout(bench: Bench, first: bytes, second: bytes) -> None:
    """A party that is not expected to send has longer, and the call lives as long as one of its streams may."""
    offer(bench, first)
    answer(bench, second)
    bench.advance(3599)
    assert bench.engine.calls
    bench.advance(1)
    assert bench.engine.totals.silent_timeouts == 1


def test_call_that_is_never_answered_ends_at_the_offer_timeout(bench: Bench) -> None:
    """A controller that died while it rang."""
    offer(bench, sdp())
    bench.advance(3600)
    assert not bench.engine.calls
    assert bench.engine.totals.offer_timeouts == 1


def test_final_timeout_ends_a_busy_call() -> None:
    """Whatever it does."""
    bench = Bench(limits=Limits(final_timeout=100))
    port = media_ports(offer(bench, sdp()))[0]
    answer(bench, sdp("198.51.100.1"))
    bench.advance(50)
    bench.stream(port).last = bench.now + 60
    bench.advance(50)
    assert bench.engine.totals.final_timeouts == 1
    bench.close()


def test_many_calls_are_looked_at_a_part_at_a_time(bench: Bench) -> None:
    """One turn must not hold up the packets of all."""
    for number in range(10):
        offer(bench, sdp(), call=str(number))
    bench.now += 3600
    bench.engine.handle_timer(bench.clock)
    assert len(bench.engine.calls) == 9


def test_statistics_count_ports_and_ends(bench: Bench) -> None:
    """Free ports are what a pool decides by."""
    offer(bench, sdp())
    statistics = bench.ask(Statistics()).body["statistics"]
    assert isinstance(statistics, dict)
    assert isinstance(statistics["interfaces"], list)
    first = statistics["interfaces"][0]
    assert isinstance(first, dict)
    assert isinstance(first["ports"], dict)
    assert (first["name"], first["ports"]["used"], first["ports"]["free"]) == (b"default", 4, 96)
    assert bench.ask(List()).body["calls"] == [b"c"]


class Kernel:
    """A fast path that takes everything and has always carried seven packets."""

    def __init__(self) -> None:
        self.taken: dict[int, Flow] = {}
        self.handles = 0

    def take(self, flow: Flow) -> int:
        """Yes."""
        self.handles += 1
        self.taken[self.handles] = flow
        return self.handles

    def counters(self, handle: int) -> FastPathCounters:
        """Seven of 172 octets."""
        assert handle in self.taken
        return FastPathCounters(7, 7 * 172)

    def give_back(self, handle: int) -> FastPathCounters:
        """One more on the way out."""
        del self.taken[handle]
        return FastPathCounters(8, 8 * 172)


def test_fast_path_takes_agreed_streams_and_gives_them_back_on_signalling() -> None:
    """LATCHED, OFFLOADED, and back to LATCHING when the address changes; what it carried is counted once."""
    kernel = Kernel()
    bench = Bench(fast_path=kernel)
    to_b = media_ports(offer(bench, sdp()))[0]
    to_a = media_ports(answer(bench, sdp("198.51.100.1")))[0]
    facing_a, facing_b = bench.stream(to_a), bench.stream(to_b)
    for stream, source in ((facing_a, ("192.0.2.1", 4000)), (facing_b, ("198.51.100.1", 4000))):
        assert stream.admit(source, bench.now)
        stream.packets = 10
    bench.advance(1)
    assert facing_a.state is facing_b.state is StreamState.OFFLOADED
    flow = next(iter(kernel.taken.values()))
    assert {flow.source, flow.destination} == {("192.0.2.1", 4000), ("198.51.100.1", 4000)}
    assert {flow.local_ingress, flow.local_egress} == {("127.0.0.1", to_a), ("127.0.0.1", to_b)}
    bench.advance(1)
    assert facing_a.packets == 17
    offer(bench, sdp("192.0.2.99"), to="b")
    assert not kernel.taken
    assert (facing_a.state, facing_b.state) == (StreamState.LATCHING, StreamState.LATCHED)
    assert facing_a.packets == 18
    bench.close()
    assert not kernel.taken


@pytest.mark.parametrize("value", [b"ICE", 7, [1], {"a": 1}])
def test_keys_of_a_wrong_shape_are_ignored(bench: Bench, value: bytes | int) -> None:
    """As the real daemon does."""
    for key in ("flags", "direction", "replace", "rtcp-mux", "received-from", "supports", "address family", "to-tag"):
        reply = bench.raw({"command": b"offer", "call-id": b"c", "from-tag": b"a", "sdp": sdp(), key: value})
        assert reply.result is Result.OK
