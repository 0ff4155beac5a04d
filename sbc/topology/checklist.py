"""Where SIP elements leak, place by place, and what this room does there.

The docs page prints it, the tests hold us to it. Sections and order are those of the checklist that the project keeps.
`headers` are rows of the table that answer for the place; none of them may pass verbatim out of a trusted realm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Answer:
    """One place: `section` and `keyword` find it in the checklist, `place` is our name for it."""

    section: str
    keyword: str
    place: str
    headers: tuple[str, ...]
    answer: str


ANSWERS: Final[tuple[Answer, ...]] = (
    Answer("4.1", "Via stack", "Via stack", ("Via",), "one Via of ours; the other leg's never cross"),
    Answer(
        "4.1", "`received`", "Via parameters", ("Via",), "on responses only what the receiver itself sent or caused"
    ),
    Answer("4.1", "`sent-by`", "Via of responses", ("Via",), "as above; `maddr` is not followed"),
    Answer(
        "4.1",
        "Record-Route / Route",
        "Route sets",
        ("Route", "Record-Route"),
        "each dialog has its own; nothing is added",
    ),
    Answer("4.1", "Path", "Registrar routes", ("Path", "Service-Route", "P-Associated-URI"), "do not cross"),
    Answer("4.1", "Contact host", "Contact", ("Contact",), "a token at our listener, no parameter of the peer's"),
    Answer(
        "4.1",
        "Contact in 3xx",
        "Contact of redirects",
        ("Contact",),
        "not shown, or a user at our own listener; other users' bindings never cross",
    ),
    Answer("4.1", "R-URI", "Request-URI", (), "user by policy, host of the target, no parameter of the peer's"),
    Answer(
        "4.1",
        "Max-Forwards",
        "Max-Forwards",
        ("Max-Forwards",),
        "less by one (RFC 7332): loops end, the depth behind us shows",
    ),
    Answer("4.1", "Call-ID", "Call-ID", ("Call-ID",), "minted for each leg, without a host"),
    Answer("4.1", "CSeq", "CSeq", ("CSeq",), "each leg counts from a random start"),
    Answer(
        "4.2",
        "From/To URI",
        "From and To",
        ("From", "To"),
        "user and display cross, the host is the realm's domain, the tag ours",
    ),
    Answer(
        "4.2",
        "P-Asserted-Identity",
        "Identity headers",
        ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"),
        "between trusted realms only, with the host replaced",
    ),
    Answer(
        "4.2",
        "Privacy",
        "Privacy",
        ("Privacy",),
        "outward From is anonymous where asked for, and identity that a policy passes is withheld",
    ),
    Answer(
        "4.2",
        "Diversion",
        "Forwarding",
        ("Diversion", "History-Info"),
        "outward nothing; inward both, hosts replaced, private targets anonymous",
    ),
    Answer(
        "4.2",
        "Referred-By",
        "Who transfers, who is served",
        ("Referred-By", "User-to-User", "P-Called-Party-ID", "P-Served-User"),
        "do not cross; User-to-User does between trusted realms, as hexadecimal data",
    ),
    Answer(
        "4.2",
        "P-Charging-Vector",
        "Charging and access",
        (
            "P-Charging-Vector",
            "P-Charging-Function-Addresses",
            "P-Visited-Network-ID",
            "P-Access-Network-Info",
            "Cellular-Network-Info",
            "P-DCS-LAES",
        ),
        "do not cross",
    ),
    Answer(
        "4.2",
        "Identity (PASSporT",
        "Signed identity",
        ("Identity", "Identity-Info"),
        "does not cross unless a policy passes it",
    ),
    Answer(
        "4.2",
        "Geolocation",
        "Location",
        ("Geolocation", "Geolocation-Routing", "Geolocation-Error"),
        "references cross with calls to `urn:service:sos`, else by policy; a location body never does",
    ),
    Answer(
        "4.2",
        "Organization",
        "Company and team",
        ("Organization", "Subject", "Priority", "Accept-Contact", "Reply-To"),
        "do not cross; Priority crosses as one of the RFC's words",
    ),
    Answer("4.3", "User-Agent", "Software", ("User-Agent", "Server", "X-Powered-By"), "ours or none"),
    Answer(
        "4.3",
        "Allow / Supported",
        "Capability lists",
        ("Allow", "Supported", "Accept", "Accept-Encoding"),
        "ours, in our order",
    ),
    Answer(
        "4.3",
        "Header order",
        "Spelling and order",
        (),
        "every message is written by one serializer: our order, long names, no folding",
    ),
    Answer(
        "4.3",
        "Warning",
        "Words of errors",
        ("Warning", "Reason", "Retry-After"),
        "our reason phrases, our name as the agent; numbers cross, words do not",
    ),
    Answer(
        "4.3",
        "Error-Info",
        "Addresses of web servers",
        ("Error-Info", "Call-Info", "Alert-Info"),
        "do not cross; of Alert-Info the `urn:alert` tones do",
    ),
    Answer(
        "4.3",
        "X-*, P-*",
        "Vendor headers",
        ("X-CID", "X-FS-Support", "X-Forwarded-For", "Cisco-Guid", "X-Asterisk-HangupCause", "P-App-Param"),
        "without a row nothing crosses; counted by name",
    ),
    Answer("4.3", "Date", "Clocks", ("Date", "Timestamp", "MIME-Version"), "ours or none; MIME boundaries are ours"),
    Answer(
        "4.3",
        "WWW-",
        "Challenges",
        ("WWW-Authenticate", "Proxy-Authenticate"),
        "403 instead, unless the trunk names their digest realm; then realm and nonce cross, `opaque` is ours",
    ),
    Answer(
        "4.3",
        "Authorization",
        "Credentials",
        ("Authorization", "Proxy-Authorization"),
        "only to the trunk whose challenge they answer, built anew, and never in a BYE",
    ),
    Answer(
        "4.3", "Session-ID", "Session-ID", ("Session-ID",), "one of ours on each leg: the peer's would join both sides"
    ),
    Answer(
        "4.3",
        "Feature-Caps",
        "Features",
        ("Feature-Caps", "Recv-Info", "Event"),
        "do not cross; an event's package name and id do",
    ),
    Answer(
        "4.3",
        "Locally generated",
        "Messages of our own",
        (),
        "same serializer, same table, same audit: there is one exit",
    ),
    Answer("4.4", "Replaces (", "Replaces", ("Replaces",), "resolved through the dialog index, never copied"),
    Answer("4.4", "Refer-To", "Refer-To", ("Refer-To",), "transfers end here; the new call goes through policy"),
    Answer(
        "4.4",
        "Target-Dialog",
        "Other dialog references",
        ("Referred-By", "Target-Dialog", "Join", "In-Reply-To"),
        "do not cross",
    ),
    Answer("4.4", "a=label", "Labels and focus", ("Contact",), "`a=label` falls; Contact parameters are not copied"),
    Answer("4.5", "o= username", "Origin", (), "`o=` is ours: no name, our session id and version, our address"),
    Answer("4.5", "s=, i=", "Texts", (), "`s=-`; `i=`, `u=`, `e=`, `p=`, `k=`, `z=`, `r=` fall"),
    Answer(
        "4.5",
        "c= session",
        "Media addresses",
        (),
        "the media engine's; `a=rtcp` keeps its port only; the audit looks for the peer's",
    ),
    Answer(
        "4.5",
        "a=candidate",
        "ICE",
        (),
        "falls for plain RTP and SDES; with DTLS it is the media engine's own, and audited",
    ),
    Answer(
        "4.5",
        "a=ssrc",
        "Sources and streams",
        (),
        "`ssrc`, `msid`, `msid-semantic` fall; RTCP names are the media engine's matter",
    ),
    Answer(
        "4.5",
        "a=fingerprint",
        "Keys",
        (),
        "the media engine's own on each leg, as its realm says (`srtp`); those of a peer end at us, and are audited",
    ),
    Answer(
        "4.5",
        "a=tool",
        "Vendor attributes",
        (),
        "known names only; `extmap`, `rtcp-fb`, `group`, `mid` cross together or not at all, `mid` under names of ours",
    ),
    Answer("4.5", "Rejected m-lines", "Rejected streams", (), "keep their place with port 0 and without attributes"),
    Answer(
        "4.5",
        "MIME multipart",
        "Multipart and other bodies",
        ("Content-Type",),
        "part by part, with a boundary of ours; what has no model only by the trunk's `bodies`, 415 where required",
    ),
    Answer("4.5", "zrtp-hash", "Device attributes", (), "unknown attributes fall; of T.38 the standard's own cross"),
    Answer(
        "4.6",
        "dialog-info",
        "Dialog state",
        (),
        "rebuilt from a model: people at our domain, dialogs as the watcher knows them or opaque, targets gone",
    ),
    Answer(
        "4.6",
        "reginfo",
        "Rosters and bindings",
        (),
        "rebuilt: reginfo shows the viewer's own Contacts, conference-info people and no devices; other kinds are 415",
    ),
    Answer(
        "4.6",
        "PIDF",
        "Presence and voice mail",
        (),
        "rebuilt: states and activities, accounts at our domain; a location never",
    ),
    Answer(
        "4.6",
        "sipfrag",
        "Progress of transfers",
        ("Refer-To",),
        "transfers end here; ours would hold the status line only",
    ),
    Answer(
        "4.6",
        "MESSAGE body",
        "Messages",
        (),
        "text is what one user tells another and crosses; CPIM bodies are refused",
    ),
)
"""The places of the checklist's tables, in its order."""

BEYOND: Final[tuple[tuple[str, str], ...]] = (
    ("Source IP", "addresses and ports: the realm's listeners; media ports are the media engine's choice"),
    ("IP TTL", "TTL, IP-ID, TCP options: the kernel's; DSCP is set by realm"),
    ("TLS certificate", "certificates: configured by realm, with the names the operator chose for it"),
    ("Timing", "post-dial delay and retransmissions: each leg has its own transactions; delay itself shows"),
    ("RTP:", "SSRC, sequence numbers, RTCP reports: what the media engine rewrites"),
    ("Error behaviour", "one policy decides what strangers get, known user or not"),
    ("Exports", "logs, call records and metrics hold both sides by design; they are the operator's"),
)
"""Section 4.7, outside of the message text: what is done elsewhere, and what shows all the same."""
