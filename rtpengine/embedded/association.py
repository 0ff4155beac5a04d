"""DTLS on one party's m-line: who offers, who begins, and which associations there are (RFC 5763 section 5).

A refresh keeps what is there, whatever role it names: an association is for a pair of certificates, not for an address
or an ICE session (RFC 8842 section 4). Another fingerprint begins another one.
"""

from __future__ import annotations

from typing import Final

from rtpengine.embedded.dtls import Dtls, Fingerprint, Identity, Role
from rtpengine.embedded.srtp import Srtp


class DtlsAgreement:
    """The DTLS of one party's m-line; nothing runs in clear from the first mention of it until `clear`."""

    __slots__ = ("_associations", "_heard", "_identity", "_setup", "_wish", "is_offered", "pending", "role")

    def __init__(self) -> None:
        self.is_offered = False
        """The party has been offered DTLS with the last offer."""
        self.role: Role | None = None
        """Ours, once agreed."""
        self.pending: Srtp | None = None
        """Cryptography without keys, which nothing passes: for the time before the agreement, and for ports that
        carry nothing."""
        self._heard: tuple[Fingerprint, ...] = ()
        self._identity: Identity | None = None
        """Whose certificate the party has been shown; the first one stays, whatever interface comes later."""
        self._setup = ""
        self._wish = ""
        self._associations: Final[dict[int, Dtls]] = {}

    @property
    def was_heard(self) -> bool:
        """The party has offered DTLS with its last offer."""
        return bool(self._heard)

    def hear_offer(self, fingerprints: tuple[Fingerprint, ...], setup: str, wish: str) -> None:
        """The party offers; associations stay until the answer.

        `wish` is the role to take where the choice will be ours: `passive`, else active.
        """
        self._heard = fingerprints
        self._setup = setup
        self._wish = wish
        self._prepare(bool(fingerprints))

    def make_offer(self, *, wanted: bool) -> None:
        """Whether the party is offered DTLS."""
        self.is_offered = wanted
        self._prepare(wanted)

    def take_answer(self, fingerprints: tuple[Fingerprint, ...], setup: str) -> None:
        """The party accepts our offer, and has chosen its role."""
        self._agree(fingerprints, Role.PASSIVE if setup == "active" else Role.ACTIVE)

    def make_answer(self, wish: str) -> None:
        """We accept the party's offer; `wish` as in `hear_offer`, for who says it only now."""
        is_passive = self._setup == "active" or (self._setup != "passive" and "passive" in (wish, self._wish))
        self._agree(self._heard, Role.PASSIVE if is_passive else Role.ACTIVE)

    def attributes(self, identity: Identity, *, is_offer: bool) -> tuple[str, ...]:
        """What the party is shown, without `a=`."""
        self._identity = self._identity or identity
        setup = "actpass" if is_offer or self.role is None else self.role.value
        return f"setup:{setup}", f"fingerprint:{self._identity.fingerprint}"

    def association(self, component: int, now: float) -> Dtls | None:
        """The one of a component, 0 for RTP and 1 for RTCP; None where there is no agreement."""
        if self.role is None or self._identity is None:
            return None
        found = self._associations.get(component)
        if found is None:
            found = self._associations[component] = Dtls(self._identity, self.role, self._heard, now)
        return found

    def clear(self) -> None:
        """The media run without DTLS from now on, or have ended."""
        self.is_offered = False
        self.role = self.pending = self._identity = None
        self._heard = ()
        self._associations.clear()

    def _agree(self, fingerprints: tuple[Fingerprint, ...], role: Role) -> None:
        self._heard = fingerprints
        self._prepare(wanted=True)
        if self.role is not None and all(dtls.fingerprints == fingerprints for dtls in self._associations.values()):
            return
        self.role = role
        self._associations.clear()

    def _prepare(self, wanted: bool) -> None:
        if wanted and self.pending is None:
            self.pending = Srtp()
