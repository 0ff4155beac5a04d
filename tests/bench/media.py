"""`python -m tests.bench.media`: CPU per relayed packet of the embedded engine beside rtpengine in user space.

Calls of two streams each, 50 packets a second and stream, spread evenly over each 20 ms; both engines meet the same
load in interleaved rounds of one run. CPU time is that of the engine's process, from /proc; packets are those that
arrived.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pylibsrtp

from rtpengine import Answer, Delete, Offer, Options
from tests.rtpengine import engines
from tests.rtpengine.engines import HOST, STRICT, EngineUnderTest, media_ports, rtp_packet

PACE: Final = 0.02
CALLS: Final = 50
SECONDS: Final = 4.0
SLOTS: Final = 10
SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
_LINE: Final = "a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
_DAEMON: Final = "rtpengine 10.5.3, user space"

Start = Callable[[], AbstractContextManager[EngineUnderTest]]


class End:
    """All parties of one side: one socket, and one key where it has keys."""

    def __init__(self, *, is_secure: bool) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self.socket.bind((HOST, 0))
        self.socket.settimeout(0.05)
        self.is_secure = is_secure
        self.targets: list[tuple[str, int]] = []
        self.received = 0
        self._sessions: list[pylibsrtp.Session] = []

    def sdp(self) -> bytes:
        """An audio line, with a key of this call's own."""
        port = self.socket.getsockname()[1]
        profile, crypto = "RTP/AVP", ""
        if self.is_secure:
            key = secrets.token_bytes(30)
            policy = pylibsrtp.Policy(
                key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
            )
            self._sessions.append(pylibsrtp.Session(policy))
            profile, crypto = "RTP/SAVP", f"a=crypto:1 {SUITE} inline:{base64.b64encode(key).decode()}\r\n"
        return (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {port} {profile} 8\r\n{crypto}{_LINE}"
        ).encode()

    def send(self, index: int, packet: bytes) -> None:
        """One packet of one call."""
        sealed = self._sessions[index].protect(packet) if self.is_secure else packet
        self.socket.sendto(sealed, self.targets[index])

    def drain(self, until: threading.Event) -> None:
        """Count what arrives."""
        while not until.is_set():
            try:
                self.socket.recv(2048)
            except TimeoutError:
                continue
            self.received += 1


def measure(engine: EngineUnderTest, calls: int, seconds: float, *, is_secure: bool) -> tuple[float, float]:
    """Microseconds of the engine's CPU a packet, and the share of packets that were lost."""
    near, far = End(is_secure=is_secure), End(is_secure=False)
    options = Options(flags=STRICT.flags, transport_protocol="RTP/AVP", dtls="off", sdes=("off",))
    names = [f"bench-{secrets.token_hex(6)}" for _ in range(calls)]
    for name in names:
        offered = engine.ask(Offer(name, "a", near.sdp(), options=options if is_secure else STRICT))
        answered = engine.ask(Answer(name, "a", "b", far.sdp(), options=STRICT))
        offered.check()
        answered.check()
        far.targets.append((HOST, media_ports(offered.sdp)[0]))
        near.targets.append((HOST, media_ports(answered.sdp)[0]))
    done = threading.Event()
    threads = [threading.Thread(target=end.drain, args=(done,), daemon=True) for end in (near, far)]
    for thread in threads:
        thread.start()
    _send(near, far, calls, 0.5, 0)  # sources are learnt
    time.sleep(0.1)
    before, base = _cpu(engine.pid), near.received + far.received
    sent = _send(near, far, calls, seconds, 1000)
    time.sleep(0.2)
    spent, arrived = _cpu(engine.pid) - before, near.received + far.received - base
    done.set()
    for thread in threads:
        thread.join()
    for name in names:
        engine.ask(Delete(name))
    for end in (near, far):
        end.socket.close()
    return spent / max(1, arrived) * 1e6, 1 - arrived / sent


def _send(near: End, far: End, calls: int, seconds: float, first: int) -> int:
    """Both directions of all calls, a slot at a time; the number of packets."""
    sent = 0
    begun = time.monotonic()
    for turn in range(int(seconds / PACE)):
        packet = rtp_packet(first + turn)
        for slot in range(SLOTS):
            for index in range(slot, calls, SLOTS):
                near.send(index, packet)
                far.send(index, packet)
                sent += 2
            time.sleep(max(0.0, begun + (turn + (slot + 1) / SLOTS) * PACE - time.monotonic()))
    return sent


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and its threads so far; to the nanosecond, where `stat` counts ticks."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def run(calls: int, seconds: float, rounds: int) -> dict[tuple[str, bool], list[tuple[float, float]]]:
    """All samples, by engine and by whether one leg has keys."""
    starts: dict[str, Start] = {"embedded": engines.embedded, _DAEMON: _daemon}
    samples: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for number in range(rounds):
        for is_secure in (False, True):
            for name, start in starts.items():
                with start() as engine:
                    sample = measure(engine, calls, seconds, is_secure=is_secure)
                samples.setdefault((name, is_secure), []).append(sample)
                kind = "SRTP to RTP" if is_secure else "RTP"
                print(f"round {number + 1}/{rounds}  {name}, {kind}: {sample[0]:.1f} us", file=sys.stderr)
    return samples


def _daemon() -> AbstractContextManager[EngineUnderTest]:
    return engines.real("--num-threads=1")


def report(samples: dict[tuple[str, bool], list[tuple[float, float]]], calls: int) -> str:
    """The table as Markdown: medians, and ratios to the daemon."""
    lines = [
        f"Relayed media: {calls} calls, {2 * calls} streams of 50 packets a second, {os.cpu_count()} processors shared "
        "with the sender; a stream is one direction.",
        "",
        "| | us of CPU a packet | beside rtpengine | streams a core | lost |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for (name, is_secure), found in samples.items():
        cost = statistics.median(sample[0] for sample in found)
        reference = statistics.median(sample[0] for sample in samples[_DAEMON, is_secure])
        lost = max(sample[1] for sample in found)
        kind = "SRTP (SDES) to RTP" if is_secure else "RTP"
        ratio, streams = cost / max(reference, 0.1), 1e6 / max(cost, 0.1) * PACE
        lines.append(f"| {name}, {kind} | {cost:.1f} | {ratio:.2f} | {streams:.0f} | {lost:.1%} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.media", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="calls at a time (%(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load a sample (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (%(default)s)")
    options = parser.parse_args()
    print(report(run(options.calls, options.seconds, options.rounds), options.calls))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
