"""Interop profiles: how one peer wants to be spoken to. Switches as data, and a peer's choice of them.

A profile never widens what a peer may learn or do beyond what its realm's trust allows, but where a switch says so in
its own words (`privacy`, `session_id`). Each switch is documented here, and nowhere else: the docs page is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that peers differ in: `choices` are (value, what it does), the first is what holds without a word."""

    name: str
    about: str
    rfc: str
    choices: tuple[tuple[str, str], ...]

    @property
    def default(self) -> str:
        """What holds where no profile says anything."""
        return self.choices[0][0]


SWITCHES: Final[tuple[Switch, ...]] = (
    Switch(
        "refer",
        "A REFER from the peer",
        "3515",
        (
            ("", "as the realm's or trunk's own key says: `terminate` where it is trusted, else `refuse`"),
            ("terminate", "accepted and carried out here"),
            ("bridge", "passed to the other side where that takes it, else carried out here"),
            ("refuse", "403"),
        ),
    ),
    Switch(
        "replaces",
        "An INVITE of the peer's that takes the place of another one in a call",
        "3891",
        (
            ("accept", "from the same realm and trunk as who is replaced; `replaces` is in our Supported"),
            ("refuse", "403, or 420 where it is required; Refer-To with Replaces goes by `refer`"),
        ),
    ),
    Switch(
        "redirect",
        "A 3xx of a trunk",
        "3261 8.1.3.4, 21.3",
        (
            ("", "as the trunk's own key says: else `refuse`"),
            ("refuse", "the caller gets 480"),
            ("follow", "its Contacts are tried, five at most, at the trunk's own targets only"),
            ("pass", "the caller gets it, with Contacts at us"),
        ),
    ),
    Switch(
        "session_timer",
        "Session timers on the peer's leg",
        "4028",
        (
            ("offer", "asked for, and granted to who asks"),
            ("accept", "granted to who asks, never asked for"),
            ("off", "neither, unless the peer requires it; OPTIONS watch such a peer"),
        ),
    ),
    Switch(
        "reliable",
        "Reliable provisional responses on the peer's leg",
        "3262",
        (
            ("offer", "supported toward a callee, used toward a caller who supports them"),
            ("require", "required of a callee; toward a caller as `offer`"),
            ("off", "not offered to a callee; used toward a caller who requires them only"),
        ),
    ),
    Switch(
        "update",
        "UPDATE to the peer",
        "3311",
        (
            ("allow", "sent where the peer's Allow has it, else a re-INVITE"),
            ("never", "a re-INVITE in its place; our Allow toward the peer lacks UPDATE"),
        ),
    ),
    Switch(
        "delayed_offer",
        "An INVITE without an offer, toward the peer: as a callee, and in a call",
        "3261 13.2.1, 3725",
        (
            ("pass", "sent without one: the peer makes the offer"),
            (
                "insert",
                "sent with an offer of ours where media are anchored, in clear: PCMA, PCMU, telephone events; in a "
                "call what its sender said last, holds taken out",
            ),
        ),
    ),
    Switch(
        "early_media",
        "A provisional response with a session description, toward the peer as a caller",
        "3960",
        (
            ("pass", "sent with the description"),
            ("ringing", "sent as 180 without it: the caller makes its own tone"),
            ("ignore", "not sent; ringing without a description is"),
        ),
    ),
    Switch(
        "provisionals",
        "Provisional responses toward the peer as a caller, 100 aside",
        "3261 13.2.2.1",
        (
            ("all", "each one"),
            ("first", "the first one, and the first with a session description"),
        ),
    ),
    Switch(
        "early_dialogs",
        "Forks of a callee, toward the peer as a caller",
        "3261 12.1, 13.2.2.4",
        (
            ("each", "an early dialog for each"),
            (
                "one",
                "one early dialog that stands for all of them; their sessions are shown in unreliable responses only",
            ),
        ),
    ),
    Switch(
        "hold",
        "How an offer toward the peer says that it is held",
        "3264 8.4, 6337 5.3",
        (
            ("pass", "as the holder says it"),
            ("sendonly", "`a=sendonly`"),
            ("inactive", "`a=inactive`: no music"),
            ("zero", "`a=inactive` and `c=IN IP4 0.0.0.0`, for phones of RFC 2543"),
        ),
    ),
    Switch(
        "dtmf",
        "Keys pressed, toward the peer, as far as signalling goes",
        "4733, 6086",
        (
            ("any", "telephone events in media, and INFO with a digit"),
            (
                "events",
                "telephone events only; the engine presses the key of an INFO from an `info` peer, others get 415",
            ),
            (
                "info",
                "INFO only: telephone events are not offered; those of an `events` peer come as INFO (`media.keys`)",
            ),
        ),
    ),
    Switch(
        "fax",
        "T.38 toward the peer",
        "T.38 annex D, RFC 3264 6",
        (
            ("pass", "offered"),
            ("refuse", "an image stream is refused on the peer's behalf: port 0, or 488 where nothing else is offered"),
        ),
    ),
    Switch(
        "forwarding",
        "Who forwarded the call, toward the peer, where it may know (a trusted realm, or a policy that passes it)",
        "5806, 7044, 7544",
        (
            ("as-is", "in the header in which it came"),
            ("diversion", "as Diversion"),
            ("history-info", "as History-Info"),
            ("none", "not told"),
        ),
    ),
    Switch(
        "identity",
        "Who calls, toward the peer, where it may know",
        "3325",
        (
            ("as-is", "in the header in which it came"),
            ("asserted", "as P-Asserted-Identity"),
            ("remote-party", "as Remote-Party-ID"),
        ),
    ),
    Switch(
        "privacy",
        "Callers who ask for privacy, toward the peer",
        "3323, 3325, 5379",
        (
            ("honour", "`user` makes From anonymous, `id` and the rest withhold identity, in a realm without trust"),
            ("anonymise", "`id`, `user` and `header` make From anonymous, whatever the realm"),
            ("pass", "the peer is inside the trust domain: identity crosses, with the wish"),
        ),
    ),
    Switch(
        "session_id",
        "Session-ID on the peer's leg",
        "7989",
        (
            ("own", "our own half, the same for the whole leg"),
            ("pass", "the other side's half: for one operator on both sides"),
            ("none", "not sent"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A choice for each switch; `SWITCHES` says what they do. `note` is where the facts come from."""

    name: str = "default"
    note: str = ""
    refer: str = ""
    replaces: str = "accept"
    redirect: str = ""
    session_timer: str = "offer"
    reliable: str = "offer"
    update: str = "allow"
    delayed_offer: str = "pass"
    early_media: str = "pass"
    provisionals: str = "all"
    early_dialogs: str = "each"
    hold: str = "pass"
    dtmf: str = "any"
    fax: str = "pass"
    forwarding: str = "as-is"
    identity: str = "as-is"
    privacy: str = "honour"
    session_id: str = "own"

    @property
    def choices(self) -> dict[str, str]:
        """Each switch with its value."""
        return {switch.name: str(getattr(self, switch.name)) for switch in SWITCHES}


DEFAULT_PROFILE: Final = Profile()
