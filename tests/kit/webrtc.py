"""A browser's session description: DTLS-SRTP, ICE that still gathers, RTCP on the RTP port (RFC 8829)."""

from __future__ import annotations

from typing import Final

BROWSER: Final = "UDP/TLS/RTP/SAVPF"
UFRAG, PASSWORD = "9uB6rowz", "YH75Fviy6338Vbrhrlp8Yh0q"
FINGERPRINT: Final = ":".join(f"{number:02X}" for number in range(0x41, 0x61))


def browser_sdp(
    host: str, *, version: int = 1, setup: str = "actpass", ice: bool = True, digest: str = "sha-256"
) -> bytes:
    """Opus and A-law; without `ice` a phone's that has DTLS alone."""
    lines = [
        "v=0",
        f"o=mozilla 4611731400430051336 {version} IN IP4 {host if not ice else '0.0.0.0'}",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        f"a=fingerprint:{digest} {FINGERPRINT}",
        f"m=audio {9 if ice else 4000} {BROWSER} 111 8",
        f"c=IN IP4 {'0.0.0.0' if ice else host}",
        "a=mid:0",
        f"a=setup:{setup}",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:8 PCMA/8000",
        "a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6",
    ]
    if ice:
        lines += [
            f"a=ice-ufrag:{UFRAG}",
            f"a=ice-pwd:{PASSWORD}",
            "a=ice-options:trickle",
            f"a=candidate:1 1 udp 2130706431 {host} 55000 typ host",
        ]
    return ("\r\n".join(lines) + "\r\n").encode()
