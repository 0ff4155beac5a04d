"""What `query`, `delete` and `statistics` tell, in the real daemon's structure and names."""

from __future__ import annotations

from typing import Final

from rtpengine.bencode import Value
from rtpengine.embedded.addresses import Endpoint
from rtpengine.embedded.call import Call, Party, PartyMedia, PortPair
from rtpengine.embedded.interfaces import Interfaces
from rtpengine.embedded.ports import PortPool
from rtpengine.embedded.relay import RelayStatistics
from rtpengine.embedded.stream import Stream, StreamState
from rtpengine.embedded.totals import Totals
from rtpengine.features import Feature

LACKING: Final = (Feature.TRANSCODING, Feature.T38_GATEWAY, Feature.REPACKETIZING)
"""What the real daemon has and this engine has not, for controllers that ask."""


def describe_call(call: Call, tags: frozenset[str], now: float, wall: float) -> dict[str, Value]:
    """Everything about a call, or about the parties that `tags` names and their peers (empty: all)."""
    described: dict[str, Value] = {}
    untagged = 0
    for party in call.parties:
        name = party.tag
        if not name:
            untagged += 1
            name = f"<untagged {untagged}>"
        if not tags or party.tag in tags or (party.peer is not None and party.peer.tag in tags):
            described[name] = _party(call, party, now, wall)
    rtp, rtcp = [0, 0, 0], [0, 0, 0]
    for stream in call.streams():
        total = rtcp if stream.is_rtcp else rtp
        total[0] += stream.packets
        total[1] += stream.octets
        total[2] += stream.errors
    return {
        "created": int(call.created),
        "created_us": int(call.created % 1 * 1_000_000),
        "last signal": int(call.signalled_wall),
        "SSRC": call.quality.describe(now, wall),
        "tags": described,
        "totals": {"RTP": _stats(*rtp), "RTCP": _stats(*rtcp)},
    }


def _party(call: Call, party: Party, now: float, wall: float) -> Value:
    described: dict[str, Value] = {"tag": party.tag}
    if party.via_branch:
        described["via-branch"] = party.via_branch
    if party.label:
        described["label"] = party.label
    described["created"] = int(party.created)
    links: list[Value] = []
    if party.peer is not None:
        links.append({"tag": party.peer.tag, "type": "offer/answer"})
    listening: list[Value] = [{"tag": tag, "type": "pub/sub"} for tag in party.sources]
    heard: list[Value] = [
        {"tag": other.tag, "type": "pub/sub"} for other in call.parties if party.tag and party.tag in other.sources
    ]
    described["subscriptions"] = links + listening
    described["subscribers"] = links + heard
    described["medias"] = [_media(party, media, now, wall) for media in party.media]
    return described


def _media(party: Party, media: PartyMedia, now: float, wall: float) -> Value:
    flags: list[Value] = ["initialized"] if party.has_spoken else []
    if media.direction in ("sendrecv", "sendonly"):
        flags.append("send")
    if media.direction in ("sendrecv", "recvonly"):
        flags.append("recv")
    if media.is_muxed:
        flags.append("rtcp-mux")
    if media.security.srtp is not None:
        flags.append("SDES")
    if media.dtls.role is not None:
        flags += ["DTLS-SRTP", f"DTLS role {media.dtls.role.value}"]
    if media.ice is not None:
        flags.append("ICE")
        if media.ice.is_trickling:
            flags.append("trickle ICE")
    streams: list[Value] = []
    if media.pair is not None:
        streams = [_stream(media.pair, stream, now, wall) for stream in media.pair.streams]
    described: dict[str, Value] = {"index": media.index + 1, "type": media.kind, "protocol": media.protocol}
    codec = media.codecs.get(str(media.pair.rtp.payload_type)) if media.pair is not None else None
    if codec is not None:
        described["codec"] = codec
    return described | {"streams": streams, "flags": flags}


def _stream(pair: PortPair, stream: Stream, now: float, wall: float) -> Value:
    flags: list[Value] = ["RTCP" if stream.is_rtcp else "RTP"]
    if stream.signalled is not None:
        flags.append("filled")
    if stream.agreed is not None:
        flags.append("confirmed")
    if stream.state is StreamState.OFFLOADED:
        flags.append("kernelized")
    if stream.is_strict:
        flags.append("strict source address")
    if stream.channel is not None and stream.channel.has_checks:
        flags.append("ICE")
    source: dict[str, Value] = {"SSRC": stream.ssrc} if stream.ssrc >= 0 else {}
    security: dict[str, Value] = {}
    if stream.srtp is not None and stream.srtp.suite:
        security["crypto suite"] = stream.srtp.suite
    return {
        "local port": stream.local[1],
        "local address": pair.address.host,
        "family": _family(stream.local),
        "endpoint": _endpoint(stream.remote or stream.agreed),
        "advertised endpoint": _endpoint(stream.signalled),
        **security,
        "last packet": int(wall - (now - stream.last)),
        "flags": flags,
        **source,
        "stats": _stats(stream.packets, stream.octets, stream.errors),
    }


def _endpoint(address: Endpoint | None) -> Value:
    if address is None:
        return {}
    return {"family": _family(address), "address": address[0], "port": address[1]}


def _family(address: Endpoint) -> str:
    return "IPv6" if len(address) == 4 else "IPv4"


def _stats(packets: int, octets: int, errors: int) -> Value:
    return {"packets": packets, "bytes": octets, "errors": errors}


def describe_engine(
    totals: Totals,
    sessions: int,
    relayed: RelayStatistics,
    interfaces: Interfaces,
    pools: dict[str, PortPool],
    now: float,
) -> dict[str, Value]:
    """The `statistics` dictionary."""
    return {
        **totals.describe(sessions, relayed, now),
        "interfaces": [
            {"name": interface.name, "address": address.host, "ports": _ports(pools[address.host])}
            for interface in interfaces.all
            for address in interface.addresses
        ],
        "transcoders": [],
        "lacking": [feature.value for feature in LACKING],
    }


def _ports(pool: PortPool) -> Value:
    used = (pool.total - pool.free) * 2
    total = pool.total * 2
    return {
        "min": pool.minimum,
        "max": pool.maximum,
        "used": used,
        "used_pct": f"{100 * used / total:.2f}" if total else "0.00",
        "free": total - used,
        "totals": total,
        "last": pool.last,
    }
