"""A dialog: RFC 3261 section 12."""

from __future__ import annotations

from enum import Enum
from typing import Final

from sbc.dialog.routes import (
    contact_target,
    is_strict,
    party_target,
    record_routes,
    request_uri_of,
    reversed_record_routes,
    without_tag,
)
from sbc.sip import Message, Request, Response, Uri, parse_uri
from sbc.wire import Flow


class DialogState(Enum):
    """Early until a 2xx, then confirmed (RFC 3261 section 12); terminated once its user says so."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Dialog:
    """What we and one peer know of each other from the first tagged response to the BYE.

    `uac` and `uas` make one from a message; the constructor alone is for bringing one back from the journal,
    followed by `restore`. The role that made it matters only once: a UAC's route set is computed anew by the 2xx
    (13.2.2.4), a UAS's is fixed by the request.
    """

    __slots__ = (
        "_awaits_2xx",
        "_strict_uri",
        "call_id",
        "flow",
        "has_target",
        "local_cseq",
        "local_tag",
        "local_uri",
        "owner",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "remote_uri",
        "route_set",
        "secure",
        "state",
    )

    def __init__(
        self, call_id: str, local_tag: str, remote_tag: str, local_uri: str, remote_uri: str, flow: Flow
    ) -> None:
        self.call_id: Final = call_id
        self.local_tag: Final = local_tag
        self.remote_tag: Final = remote_tag
        """Empty for an RFC 2543 peer."""
        self.local_uri: Final = local_uri
        """Our From or To value, without the tag."""
        self.remote_uri: Final = remote_uri
        """The peer's From or To value, without the tag."""
        self.flow = flow
        """Where the peer was seen last."""
        self.has_target = True
        """False while the peer has named no Contact, so that `remote_target` is a guess from its From or To."""
        self.local_cseq = 0
        """Number of our last request; 0 before the first."""
        self.remote_cseq = -1
        """Number of the peer's last request; -1 before the first."""
        self.remote_target = ""
        """The URI for our requests, as text."""
        self.route_set: tuple[str, ...] = ()
        """Route values `<uri>`, nearest first."""
        self.state = DialogState.EARLY
        self.secure = False
        """True where the dialog began with a sips URI over TLS (12.1.1): requests must stay so."""
        self.owner: object | None = None
        """What the table was told to find with the dialog."""
        self._awaits_2xx = False
        self._strict_uri = ""

    @staticmethod
    def uac(
        request_call_id: str,
        local_tag: str,
        local_uri: str,
        remote_uri: str,
        local_cseq: int,
        response: Response,
        flow: Flow,
    ) -> Dialog:
        """The dialog that a 101 to 2xx response to our request makes (12.1.2); confirmed by a 2xx. Never raises.

        Without a Contact the remote target is the To URI; malformed Record-Route values count as none.
        """
        dialog = Dialog(request_call_id, local_tag, response.to_tag, local_uri, remote_uri, flow)
        dialog.local_cseq = local_cseq
        dialog.secure = _is_tls(flow) and party_target(remote_uri).startswith("sips:")
        dialog._awaits_2xx = True
        dialog._learn(response)
        if response.status >= 200:
            dialog._awaits_2xx = False
            dialog.state = DialogState.CONFIRMED
        return dialog

    @staticmethod
    def uas(request: Request, local_tag: str, flow: Flow) -> Dialog:
        """The early dialog that our tagged response to `request` makes (12.1.1); its 2xx is told by `confirm()`.

        Raises ParseError where Record-Route is malformed: answer 400. Without a Contact the target is the From URI.
        """
        remote_uri = without_tag(request.require("From"))
        dialog = Dialog(
            request.call_id, local_tag, request.from_tag, without_tag(request.require("To")), remote_uri, flow
        )
        dialog.remote_cseq = request.cseq.number
        dialog.secure = _is_tls(flow) and request.request_uri[:5].lower() == "sips:"
        dialog._target(contact_target(request), record_routes(request))
        return dialog

    def __repr__(self) -> str:
        return f"<Dialog {self.call_id} {self.local_tag} {self.remote_tag} {self.state.value}>"

    @property
    def key(self) -> str:
        """The local tag: we mint it, so that nobody else can choose one of ours."""
        return self.local_tag

    def matches(self, call_id: str, remote_tag: str) -> bool:
        """True for a message whose local tag has been matched already (section 12.2.2)."""
        return self.call_id == call_id and self.remote_tag == remote_tag

    # State

    def confirm(self, response: Response | None = None) -> None:
        """A 2xx was received (`response`) or sent (None). Never raises.

        As UAC, the first 2xx gives the route set and remote target anew, whatever a provisional response had said
        (12.1.2, 13.2.2.4). Once confirmed nothing changes: neither copies nor the 2xx of a re-INVITE touch a route set.
        """
        if self.state is not DialogState.EARLY:
            return
        self.state = DialogState.CONFIRMED
        if self._awaits_2xx and response is not None:
            self._learn(response)
        self._awaits_2xx = False

    def terminate(self) -> None:
        """The dialog is over; matching and numbers stay usable for what is still on its way."""
        self.state = DialogState.TERMINATED

    def restore(self, remote_target: str, route_set: tuple[str, ...]) -> None:
        """Set target and route set, as the journal has them. Raises ParseError where the first route is malformed."""
        self.remote_target = remote_target
        self.route_set = route_set
        self._strict_uri = ""
        if route_set and is_strict(route_set[0]):
            strict = route_set[0][1:-1]
            self._strict_uri = request_uri_of(parse_uri(strict), strict)

    def _learn(self, response: Response) -> None:
        self._target(contact_target(response), reversed_record_routes(response))

    def _target(self, contact: str, routes: tuple[str, ...]) -> None:
        """Without a Contact (which section 12.1 forbids) the last one stays, or the URI the peer goes by must do."""
        if contact or not self.remote_target:
            self.has_target = contact != ""
        self.restore(contact or self.remote_target or party_target(self.remote_uri), routes)

    # Numbers

    def next_cseq(self) -> int:
        """The number for our next request (12.2.1.1). Not for ACK and CANCEL, which have their INVITE's."""
        self.local_cseq += 1
        return self.local_cseq

    def accepts(self, request: Request) -> bool:
        """Whether a new request of the peer is in order (12.2.2); gaps are, and the number is remembered.

        False for a number that was used or passed already: answer 500. Not asked for ACK and CANCEL, nor for copies,
        which end at the transaction.
        """
        number = request.cseq.number
        if number <= self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    # Targets

    def refresh_target(self, message: Message) -> None:
        """Take the remote target from a message that refreshes it; one without a usable Contact changes nothing.

        For the peer's INVITE or UPDATE once we answer it with 2xx, and for the 2xx to one of ours (12.2.1.2,
        12.2.2; RFC 6141 section 4: a refresh that is refused leaves the target as it was). The route set never
        changes here.
        """
        target = contact_target(message)
        if target and target != self.remote_target:
            self.remote_target = target
        if target:
            self.has_target = True

    def request_line_and_routes(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route values for our next request, the detour of a strict router included (12.2.1.1)."""
        if not self._strict_uri:
            return self.remote_target, self.route_set
        return self._strict_uri, (*self.route_set[1:], f"<{self.remote_target}>")

    def next_hop(self) -> Uri:
        """Where our next request goes: the first route, or the remote target (12.2.1.1, 8.1.2)."""
        return parse_uri(self.route_set[0][1:-1] if self.route_set else self.remote_target)


def _is_tls(flow: Flow) -> bool:
    return flow.transport == "TLS" or flow.transport == "WSS"
