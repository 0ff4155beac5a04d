"""What makes two messages the same transaction (RFC 3261 sections 17.1.3, 17.2.3, 8.2.2.2)."""

from __future__ import annotations

from sbc.sip import MAGIC_COOKIE, Request, Response, tag_of
from sbc.wire import Flow


def client_key(response: Response) -> tuple[str, str]:
    """Branch of the topmost Via and method of the CSeq (section 17.1.3)."""
    return response.top_via.branch, response.cseq.method


def has_cookie(request: Request) -> bool:
    """True where the branch identifies the transaction; a bare cookie does not (RFC 4475 section 3.2.1)."""
    return is_unique(request.top_via.branch)


def is_unique(branch: str) -> bool:
    """True for a branch with the cookie and something behind it."""
    return branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE)


def server_key(request: Request, flow: Flow) -> str:
    """The key of the server transaction that `request` belongs to; an ACK has that of its INVITE (section 17.2.3).

    The listener is part of it: whoever guesses a branch of another realm still cannot touch its transactions.
    """
    method = request.method
    return key_as(request, flow, "INVITE" if method == "ACK" else method)


def key_as(request: Request, flow: Flow, method: str) -> str:
    """As `server_key`, as if the request's method were `method`: how a CANCEL finds its INVITE (section 9.2)."""
    via = request.top_via
    if is_unique(via.branch):
        # Unambiguous, since only the branch may hold a space.
        return f"{via.branch} {via.sent_by} {flow.listener} {method}"
    return old_key(request, flow, method, request.to_tag)


def old_key(request: Request, flow: Flow, method: str, to_tag: str) -> str:
    """The key for an RFC 2543 peer: Request-URI, tags, Call-ID, CSeq and topmost Via (section 17.2.3)."""
    return "\n".join(
        [
            request.request_uri,
            to_tag,
            request.from_tag,
            request.call_id,
            str(request.top_via),
            f"{request.cseq.number} {flow.listener} {method}",
        ]
    )


def merge_key(request: Request) -> str:
    """What a request that reaches us twice on different ways has in common (section 8.2.2.2).

    Empty for a request inside a dialog, and for ACK and CANCEL, which are never merged.
    """
    method = request.method
    if request.to_tag or method == "ACK" or method == "CANCEL":
        return ""
    return f"{request.call_id}\n{request.from_tag}\n{request.cseq.number} {method}"


def answered_tag(wire: bytes) -> str:
    """The To tag in a finished response of ours; only needed for the ACK of an RFC 2543 peer."""
    start = wire.find(b"\r\nTo:")
    if start < 0:
        return ""
    return tag_of(wire[start + 5 : wire.find(b"\r\n", start + 5)].decode("utf-8", "surrogateescape"))
