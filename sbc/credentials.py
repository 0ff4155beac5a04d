"""Whose challenges are answered: those of a trunk with `auth`, to requests of ours that went there, and no others.

A challenge to a BYE, to what a phone sends through us, or from elsewhere than where the request went, is not for us:
whoever calls us and then challenges what we send back would get a hash of the password to try words on. So would
somebody behind the trunk to whom a dialog or a redirect leads past it: there only a challenge from an address of the
trunk itself is answered, and what goes elsewhere, the ACK to a 2xx too, bears no credentials.
"""

from __future__ import annotations

from typing import Final

from sbc.call import Kind, Outgoing
from sbc.config import Config
from sbc.digest import DigestUser, challenges_in
from sbc.media import Side
from sbc.mint import Mint
from sbc.sip import Fields, Response

_BORN_BY: Final[frozenset[str]] = frozenset({"INVITE", "UPDATE", "MESSAGE", "OPTIONS"})
"""Methods that bear credentials of ours where the trunk has asked before; the REGISTERs that bear them are our own."""
_KINDS: Final[frozenset[Kind]] = frozenset({Kind.INVITE, Kind.RELAY})
_IN_CALL: Final[frozenset[Kind]] = frozenset({Kind.MODIFY, Kind.REFRESH})


class Users:
    """The digest users of one configuration's trunks; nonces outlive a reload that changes nothing for them."""

    __slots__ = ("_mint", "_users", "answered", "refused")

    def __init__(self, config: Config, mint: Mint) -> None:
        self._mint: Final = mint
        self._users: dict[str, tuple[str, str, DigestUser]] = {}
        self.answered = 0
        """Challenges that we answered, and below those that nothing was to be done about."""
        self.refused = 0
        self.follow(config)

    def follow(self, config: Config) -> None:
        """Be these users from now on."""
        users: dict[str, tuple[str, str, DigestUser]] = {}
        for name, trunk in config.trunks.items():
            if trunk.auth is not None:
                auth = trunk.auth
                known = self._users.get(name)
                if known is None or known[:2] != (auth.username, auth.password):
                    known = (auth.username, auth.password, DigestUser(auth.username, auth.password))
                users[name] = known
        self._users = users

    def borne_by(self, out: Outgoing, body: bytes) -> Fields:
        """The credentials that a request bears before anybody asks; none where nobody has asked yet."""
        if not self._users:
            return []
        leg = out.leg
        known = self._users.get(leg.trunk)
        if known is None or leg.side is not Side.B or not (out.method in _BORN_BY or out.kind is Kind.REGISTER):
            return []
        return known[2].credentials(out.method, out.request_uri, body)

    def answers(self, out: Outgoing, response: Response, is_at_trunk: bool = False) -> bool:
        """Whether the request is to be sent again, with credentials: once, and once more where its nonce was stale.

        `is_at_trunk`: it went to the leg's trunk itself, as a REGISTER always does.
        """
        leg = out.leg
        known = self._users.get(leg.trunk)
        if response.status not in (401, 407) or known is None or leg.side is not Side.B:
            return False
        if out.kind is not Kind.REGISTER and not (is_at_trunk and (_begins(out) or out.kind in _IN_CALL)):
            return False
        found = challenges_in(response.get_all("WWW-Authenticate"), response.get_all("Proxy-Authenticate"))
        is_stale = bool(found) and all(challenge.is_stale for challenge in found)
        if not found or out.challenged >= (2 if is_stale else 1):
            self.refused += 1
            return False
        self.answered += 1
        return known[2].take(found, self._mint.token())

    def learn(self, out: Outgoing, response: Response) -> None:
        """What a success says of the next nonce."""
        known = self._users.get(out.leg.trunk)
        if known is not None:
            info = [*response.get_all("Authentication-Info"), *response.get_all("Proxy-Authentication-Info")]
            if info:
                known[2].renew(info)


def _begins(out: Outgoing) -> bool:
    return out.dialog is None and out.kind in _KINDS and out.method in ("INVITE", "MESSAGE")
