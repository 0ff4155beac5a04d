"""Facts in a line, for the tests of this room."""

from __future__ import annotations

from policies import Facts, Message, Party, Source


def facts(
    *,
    realm: str = "outside",
    trunk: str = "",
    address: str = "198.51.100.10",
    port: int = 5060,
    method: str = "INVITE",
    called: str = "+493012345",
    to: str = "",
    caller: str = "alice",
    host: str = "sbc.example.net",
    user_agent: str = "",
) -> Facts:
    message = Message(method, Party(called, host), Party(caller, "example.org"), Party(to or called, host), user_agent)
    return Facts(Source(realm, trunk, address, port), message)
