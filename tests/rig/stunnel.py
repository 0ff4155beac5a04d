"""stunnel as a peer's TLS: it lets SIPp, which speaks none, call us by TLS and be called."""

from __future__ import annotations

from pathlib import Path

from sbc.config import Certificate
from tests.rig.process import Process


class Stunnel:
    """One tunnel in a namespace; ready when made.

    As a client it takes TCP at `accept` and speaks TLS to `connect`; as a server the other way round. `own` is what it
    shows; with `ca` it demands a certificate of that authority. It connects from the address `local`, where given.
    """

    def __init__(
        self,
        directory: Path,
        namespace: str,
        *,
        accept: str,
        connect: str,
        is_client: bool,
        own: Certificate | None,
        ca: str = "",
        local: str = "",
    ) -> None:
        lines = ["foreground = yes", "pid =", "debug = 5", "[sip]", f"client = {'yes' if is_client else 'no'}"]
        lines += [f"accept = {accept}", f"connect = {connect}", "TIMEOUTclose = 0"]
        if own is not None:
            lines += [f"cert = {own.certificate}", f"key = {own.key}"]
        lines += [f"local = {local}"] if local else []
        if ca:
            lines += [f"CAfile = {ca}", "verifyChain = yes"]
        path = directory / "stunnel.conf"
        path.write_text("\n".join(lines) + "\n")
        self.process = Process(["stunnel4", str(path)], namespace=namespace, log=directory / "stunnel.log")
        host, _, port = accept.rpartition(":")
        self.process.wait_for_tcp(host.strip("[]"), int(port))

    def stop(self) -> None:
        """End it."""
        self.process.stop(2)
