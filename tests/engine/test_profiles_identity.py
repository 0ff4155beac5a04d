"""The switches of a profile that say who calls and who forwarded; `test_profiles` runs these cases with the others."""

from __future__ import annotations

from policies import HeaderRule
from tests.kit.node import PBX
from tests.kit.peer import sdp
from tests.kit.profiles import called, case, node_with

UUID = "0123456789abcdef0123456789abcdef"
TREE = "<sip:1@h>;index=1, <sip:2@h;cause=486>;index=1.1, <sip:3@h;cause=302?Privacy=history>;index=1.1.1"


DIVERTED = (
    "Diversion: <sip:2@h>;reason=user-busy;privacy=full, <sip:1@h>;reason=unconditional\n",
    f"History-Info: {TREE}\n",
)


def forwarded_as(value: str) -> list[tuple[str | None, str | None]]:
    """Diversion and History-Info that a PBX sees of a call with the one, and of a call with the other."""
    seen = []
    for extra in DIVERTED:
        invite = called(node_with("pbx", forwarding=value), extra)
        seen.append((invite.get("Diversion"), invite.get("History-Info")))
    return seen


MADE_DIVERSION = (
    "<sip:2@pbx.corp.local>;reason=unconditional;privacy=off, <sip:1@pbx.corp.local>;reason=user-busy;privacy=off"
)
OWN_DIVERSION = "<sip:2@pbx.corp.local>;reason=user-busy;privacy=full, <sip:1@pbx.corp.local>;reason=unconditional"
MADE_HISTORY = (
    "<sip:1@pbx.corp.local>;index=1, <sip:2@pbx.corp.local;cause=302?Privacy=history>;index=1.1;mp=1, "
    "<sip:+493012345@pbx.corp.local;cause=486>;index=1.1.1;mp=1.1"
)
OWN_HISTORY = (
    "<sip:1@pbx.corp.local>;index=1, <sip:2@pbx.corp.local;cause=486>;index=1.1, "
    "<sip:3@pbx.corp.local;cause=302?Privacy=history>;index=1.1.1"
)


@case("forwarding", "as-is")
def check_forwarding_as_is() -> None:
    assert forwarded_as("as-is") == [(OWN_DIVERSION, None), (None, OWN_HISTORY)]


@case("forwarding", "diversion")
def check_forwarding_diversion() -> None:
    assert forwarded_as("diversion") == [(OWN_DIVERSION, None), (MADE_DIVERSION, None)]


@case("forwarding", "history-info")
def check_forwarding_history_info() -> None:
    assert forwarded_as("history-info") == [(None, MADE_HISTORY), (None, OWN_HISTORY)]


@case("forwarding", "none")
def check_forwarding_none() -> None:
    assert forwarded_as("none") == [(None, None), (None, None)]


ASSERTED = 'P-Asserted-Identity: "A" <sip:+491@h>\n'
PARTY = 'Remote-Party-ID: "A" <sip:+491@h>;party=calling;screen=yes;privacy=full\n'
BOTH = (HeaderRule("outside", "", "P-Asserted-Identity", "pass"),)


def known_as(value: str, extra: str) -> tuple[str | None, str | None, str | None]:
    """P-Asserted-Identity, Remote-Party-ID and Privacy that a carrier sees which its profile calls trusted."""
    node = node_with("carrier", identity=value, privacy="pass")
    node.pbx.invite(extra=extra)
    invite = node.carrier.expect_request("INVITE")
    return invite.get("P-Asserted-Identity"), invite.get("Remote-Party-Id"), invite.get("Privacy")


@case("identity", "as-is")
def check_identity_as_is() -> None:
    shown = '"A" <sip:+491@sbc.example.net>'
    assert known_as("as-is", ASSERTED) == (shown, None, None)
    assert known_as("as-is", PARTY) == (None, f"{shown};party=calling;screen=yes;privacy=full", None)


@case("identity", "asserted")
def check_identity_asserted() -> None:
    shown = '"A" <sip:+491@sbc.example.net>'
    assert known_as("asserted", ASSERTED) == (shown, None, None)
    assert known_as("asserted", PARTY) == (shown, None, "id")


@case("identity", "remote-party")
def check_identity_remote_party() -> None:
    shown = '"A" <sip:+491@sbc.example.net>;party=calling;screen=yes;privacy='
    assert known_as("remote-party", ASSERTED) == (None, f"{shown}off", None)
    assert known_as("remote-party", ASSERTED + "Privacy: id\n") == (None, f"{shown}full", "id")
    assert known_as("remote-party", PARTY) == (None, f"{shown}full", None)


def private_as(value: str, wish: str) -> tuple[str, str | None, str | None]:
    """The user of From, P-Asserted-Identity and Privacy toward a carrier that a policy lets see the identity."""
    node = node_with("carrier", headers=BOTH, privacy=value)
    node.pbx.invite(extra=f"{ASSERTED}Privacy: {wish}\n")
    invite = node.carrier.expect_request("INVITE")
    return invite.from_address.uri.user, invite.get("P-Asserted-Identity"), invite.get("Privacy")


@case("privacy", "honour")
def check_privacy_honour() -> None:
    assert private_as("honour", "id") == ("pbx", None, "id")
    assert private_as("honour", "user") == ("anonymous", None, None)


@case("privacy", "anonymise")
def check_privacy_anonymise() -> None:
    assert private_as("anonymise", "id") == ("anonymous", None, "id")
    assert private_as("anonymise", "none")[0] == "pbx"


@case("privacy", "pass")
def check_privacy_pass() -> None:
    assert private_as("pass", "user;id") == ("pbx", '"A" <sip:+491@sbc.example.net>', "user;id")


def session_ids(value: str) -> tuple[str | None, str | None]:
    """Session-ID in the INVITE that a PBX gets, and in its ACK once it has told its own."""
    node = node_with("pbx", session_id=value)
    invite = called(node, f"Session-ID: {UUID};remote={'0' * 32}\n")
    node.pbx.reply(invite, 200, sdp(PBX), extra=f"Session-ID: {'f' * 32};remote={UUID}\n")
    return invite.get("Session-ID"), node.pbx.expect_request("ACK").get("Session-ID")


@case("session_id", "own")
def check_session_id_own() -> None:
    first, then = session_ids("own")
    assert first is not None
    assert UUID not in first
    assert then == f"{first[:32]};remote={'f' * 32}"


@case("session_id", "pass")
def check_session_id_pass() -> None:
    assert session_ids("pass") == (f"{UUID};remote={'0' * 32}", f"{UUID};remote={'f' * 32}")


@case("session_id", "none")
def check_session_id_none() -> None:
    assert session_ids("none") == (None, None)


def test_what_does_not_follow_its_grammar_is_not_converted() -> None:
    node = node_with("pbx", forwarding="diversion", identity="asserted")
    invite = called(node, "History-Info: <sip:1@h>;index=1, <sip:2@h>;index=x\nDiversion: <sip:\n")
    assert invite.get("Diversion") is None
    assert invite.get("History-Info") is None


def test_a_conversion_lets_nothing_out_that_could_not_cross() -> None:
    """The other header of the pair is looked at only where one of them may cross."""
    rules = (HeaderRule("outside", "", "Diversion", "pass"),)
    node = node_with("carrier", headers=rules, forwarding="history-info")
    node.pbx.invite(extra=ASSERTED + PARTY + DIVERTED[0])
    invite = node.carrier.expect_request("INVITE")
    assert invite.get("P-Asserted-Identity") is None
    assert invite.get("Remote-Party-Id") is None
    assert "privacy" not in invite.require("History-Info").lower()
    assert "sip:2@" not in invite.require("History-Info")
