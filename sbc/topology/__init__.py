"""What one side may learn of the other: the header table, the session description's allow-list, the egress audit.

In: a message of one leg (`Passage.cross`), a body (`build_sdp`), an address (`hide_identity`). Out: only what may
cross, with values made anew; whatever has no row does not cross. `Audit` then looks at the finished bytes for tokens
of the other side.

Not for: what a message of ours says of itself (the engine writes Via, Contact and the like), and not for deciding
what follows from a finding.
"""

from sbc.topology.audit import Audit, Finding, Learned, all_units, clean
from sbc.topology.bodies import (
    ACCEPT,
    PACKAGES,
    BodyRefused,
    DialogIds,
    Part,
    Rules,
    View,
    format_multipart,
    is_multipart,
    parse_multipart,
    rewrite_body,
)
from sbc.topology.challenges import PLACES, Challenges
from sbc.topology.identity import asks_for_privacy, hide_identity, shown_user
from sbc.topology.passage import Passage, Passages, check_header_rules, compile_passages, direction_of
from sbc.topology.rows import ROWS, TABLE
from sbc.topology.sdp import SdpIdentity, SdpRefused, build_sdp
from sbc.topology.services import emergency_service
from sbc.topology.table import Action, Direction, Kind, Row, Value

__all__ = [
    "ACCEPT",
    "PACKAGES",
    "BodyRefused",
    "DialogIds",
    "Part",
    "Rules",
    "View",
    "format_multipart",
    "is_multipart",
    "parse_multipart",
    "rewrite_body",
    "PLACES",
    "ROWS",
    "TABLE",
    "Action",
    "Audit",
    "Challenges",
    "Direction",
    "Finding",
    "Kind",
    "Learned",
    "Passage",
    "Passages",
    "Row",
    "SdpIdentity",
    "SdpRefused",
    "Value",
    "all_units",
    "asks_for_privacy",
    "build_sdp",
    "check_header_rules",
    "clean",
    "compile_passages",
    "direction_of",
    "emergency_service",
    "hide_identity",
    "shown_user",
]
