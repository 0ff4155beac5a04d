"""The one exit: every message of ours is built here from the allow-list, formatted, audited, handed to its transaction.

`Egress` is the `Exit` that calls speak to, and the engine's own way out for what concerns no call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import rtpengine
from sbc import call as calls
from sbc.adoption import keep
from sbc.call import Call, CallState, Leg, Outgoing, Referral
from sbc.contents import shown_body
from sbc.dialog import Dialog, DialogTable
from sbc.firewall import is_emergency
from sbc.lingering import release
from sbc.measuring import Measuring
from sbc.media import MediaSession, Side
from sbc.mint import Mint
from sbc.outputs import CallReanchored, Event, MediaCommand, TargetChanged, Transmit
from sbc.placement import Placement
from sbc.reach import may_name
from sbc.redirects import Redirects
from sbc.requests import NONE, Requests
from sbc.routing import NextHop, TargetState
from sbc.sip import Address, Fields, Message, Response
from sbc.snapshot import Snapshot, listener_for
from sbc.topology import DialogIds, emergency_service
from sbc.trunks import Trunks, longest
from sbc.wire import Flow, Now

SUSPECT: Final = 0.8
"""Seconds for which a next hop that failed last time is waited for while there is another."""
MEDIA_SECONDS: Final = 8.0
"""A media command that brought no reply by then has failed, whatever its client says."""


class Egress(Requests):
    """Holds what sending needs: transactions, dialogs, timers, names; fills `outputs` for the input under way."""

    def __init__(self, snapshot: Snapshot, mint: Mint, now: Now, recorded: int) -> None:
        super().__init__(snapshot, mint, now, recorded)
        self.dialogs: Final = DialogTable()
        self.bindings: Final = calls.Bindings()
        self.own_contacts: Final[dict[str, tuple[str, str]]] = {}
        """Trunk and user behind the Contacts that we have registered ourselves."""
        self.redirects: Final = Redirects()
        self.subscriptions: Final = calls.Subscriptions()
        self.told: dict[DialogIds, DialogIds] = {}
        """Dialogs of other workers that the message at hand names, as its viewer has them."""
        self.is_told = False
        """Others were asked for them already."""
        self.entity_tags: Final = calls.EntityTags()
        self.calls: Final[dict[str, Call]] = {}
        self.waiting: Final[dict[int, Call | None]] = {}
        self.inquiries: Final[dict[int, Callable[[rtpengine.Reply | None], None]]] = {}
        """Who wants to know the reply to a command that no call waits for."""
        self._serial = 0
        self.trunks: Final = Trunks(snapshot.router.health)
        self.delay = 0.0
        self.is_late = False
        """Messages wait too long for their turn: silence may be ours."""
        self.registered: list[calls.Binding] = []
        """Bindings that a registrar has agreed to by this input; as `failed`."""
        self.placement: Final = Placement(snapshot.config, mint)
        self.is_journalled: Final = snapshot.config.store != "memory"
        self.referrals: list[Referral] = []
        """Transfers whose calls are to be placed; as above."""
        self.homeless: list[Call] = []
        """Calls whose media engine is silent; as above."""
        self.unheard: list[int] = []
        """Commands for sessions that are lost with their engine: there will be no reply; as above."""
        self.suspects: list[tuple[NextHop, bool]] = []
        """Targets that failed by what this input brought, and whether that made them down; as above."""

    @property
    def has_more(self) -> bool:
        """True while the engine has something to tell calls, or to do for them, before this input is dealt with."""
        waiting = self.failed or self.looped or self.suspects or self.resumed or self.referrals
        return bool(waiting or self.unheard or self.homeless) or self.places_changed

    # Exit: the rest

    def callee_leg(self, call: Call, hop: NextHop) -> Leg | None:
        """A fresh B leg toward a target; None where no listener of its realm speaks its transport and family."""
        config = call.config
        realm = config.realms[hop.realm]
        listener = listener_for(realm, hop.transport, hop.host)
        incoming, a_leg = call.invite_in, call.caller_leg
        if listener is None or incoming is None or incoming.request is None:
            return None
        is_sos = is_emergency(incoming.request)
        if call.state is not CallState.OUTSIDE:
            if not self.trunks.attempt(call, hop, is_sos, self.now.monotonic):
                return None
            call.longest = longest(call, hop)
        passages = self.snapshot.passages
        into = passages.emergency if is_sos else passages.between
        passage = into(a_leg.realm.name, realm.name, hop.trunk)
        leg = Leg(
            call,
            Side.B,
            realm,
            listener,
            Flow(listener.index, hop.transport, hop.host, hop.port),
            passage,
            self.learned(),
        )
        a_leg.passage = passages.between(realm.name, a_leg.realm.name, a_leg.trunk)
        leg.trunk = hop.trunk
        leg.call_id = self.mint.call_id()
        request = incoming.request
        leg.local_uri = passage.caller(request)
        host = hop.uri.host if not hop.uri.port else f"{hop.uri.host}:{hop.uri.port}"
        user = call.called
        if call.redirection is not None:
            user = call.redirection.user_of(hop) or user
        scheme = "sips" if request.uri.scheme == "sips" else hop.uri.scheme
        leg.target = f"{scheme}:{user}@{host}" if user else f"{scheme}:{host}"
        if call.contact:
            leg.target = call.contact
        elif hop.target_key[3] != "UDP" and scheme == "sip":
            leg.target += f";transport={hop.target_key[3].lower()}"
        leg.remote_uri = f"<{scheme}:{user}@{hop.uri.host}>" if user else f"<{scheme}:{hop.uri.host}>"
        if call.contact:
            leg.remote_uri = f"<{call.contact}>"  # not the token that only the registrar knows
        if is_sos:
            # RFC 6881 section 9: the service URN goes through to who knows the place.
            leg.target = emergency_service(request.uri)
            leg.remote_uri = f"<{leg.target}>"
        leg.learned.learn_own(leg.call_id, leg.local_tag, leg.contact)
        return leg

    def find(self, call_id: str, local_tag: str, remote_tag: str, realm: str) -> Leg | None:
        """The leg of a dialog of ours with a peer in this realm; None where there is none."""
        found = self.dialogs.find(call_id, local_tag, remote_tag)
        if found is None or not isinstance(found[1], Leg):
            return None
        return found[1] if found[1].realm.name == realm else None

    def named(self, call_id: str, local_tag: str, remote_tag: str, trunk: str, flow: Flow) -> Leg | None:
        """The leg of a dialog of ours that `trunk`, speaking by `flow`, may name from elsewhere; None: no such one."""
        realm = self.realm_of(flow).name
        leg = self.find(call_id, local_tag, remote_tag, realm)
        if leg is None or leg.trunk != trunk:
            return None
        is_registered = not trunk and self.bindings.has_host(realm, flow.host, self.now.monotonic)
        return leg if may_name(self.snapshot, leg, flow, is_registered) else None

    def place(self, referral: Referral) -> None:
        """Place the call that a transfer asks for once this input is dealt with."""
        self.referrals.append(referral)

    def stand_in(self, call: Call, leg: Leg) -> Leg:
        """A leg in the place of one that will come to this call: same realm, listener and peer, no dialog."""
        flow = leg.flow if leg.dialog is None else leg.dialog.flow
        shadow = Leg(call, Side.A, leg.realm, leg.listener, flow, leg.passage, leg.learned)
        shadow.trunk = leg.trunk
        shadow.call_id = self.mint.call_id()
        shadow.local_uri, shadow.remote_uri = leg.local_uri, leg.remote_uri
        return shadow

    def joined(self, new: Leg, place: Leg) -> None:
        """Two legs have exchanged their places: what may cross to them, and whose trunk they count for."""
        other = new.other
        if other is not None:
            passages = self.snapshot.passages
            new.passage = passages.between(other.realm.name, new.realm.name, new.trunk)
            other.passage = passages.between(new.realm.name, other.realm.name, other.trunk)
        self.trunks.exchange((new.call.id, new.side is Side.A), (place.call.id, place.side is Side.A))

    def transmit(self, output: Transmit) -> None:
        """Send finished, audited bytes once more."""
        self.outputs.append(output)

    def media(self, call: Call, command: rtpengine.Command) -> None:
        """Ask the media engine; where `call.step` is set its reply comes back to the call."""
        self._serial += 1
        if isinstance(command, rtpengine.Delete) and command.from_tag and call.media is not None:
            self.inquire(call.media.engine, command, Measuring(call, self.now, self.report, self.forget_media).hear)
            return
        self.waiting[self._serial] = call if call.step is not None else None
        if call.step is not None:
            call.step_deadline = self.now.monotonic + MEDIA_SECONDS
            call.serial = self._serial
            if call.media is not None and call.media.is_gone:
                self.unheard.append(self._serial)
                return
        self.outputs.append(
            MediaCommand(self._serial, command, self.placement.engine_of(call.media, command, self.now.monotonic))
        )

    def displaced(self, call: Call) -> bool:
        """The call's media engine is silent: it is taken to another one once it is up. False: there is none."""
        media = call.media
        if media is None or not self.placement.has_other(media.engine, self.now.monotonic):
            return False
        self.homeless.append(call)
        return True

    def reanchored(self, call: Call, former: MediaSession) -> None:
        """Both peers talk to the media engine that the call has now, and no more to that of its former session."""
        now = self.now
        engine = self.placement.names[call.media.engine] if call.media is not None else ""
        self.report(CallReanchored(call.id, now.wall, engine, now.monotonic - former.lost_at))

    def inquire(self, engine: int, command: rtpengine.Command, then: Callable[[rtpengine.Reply | None], None]) -> None:
        """Ask an engine for nobody's call in particular; `then` gets its reply, None for silence."""
        self._serial += 1
        self.inquiries[self._serial] = then
        self.outputs.append(MediaCommand(self._serial, command, engine))

    def forget_media(self, call_id: str, engine: int) -> None:
        """A silent engine may have made the session that another one has now."""
        self._serial += 1
        self.waiting[self._serial] = None
        self.outputs.append(MediaCommand(self._serial, rtpengine.Delete(call_id), engine))

    def returned(self, out: Outgoing, response: Response | None) -> Fields:
        """What else the asker of a relayed request must be told: challenges, the Contacts of a REGISTER."""
        if response is None:
            return NONE
        trunk = out.leg.call.config.trunks.get(out.leg.trunk)
        if response.status in (401, 407):
            return self.challenges.shown(response, out.method, trunk)
        if response.status >= 300:
            return NONE
        fields = self.challenges.informed(response, trunk)
        if out.method == "PUBLISH":
            fields += calls.published(out, response, self.entity_tags, self.now)
        if out.method == "REGISTER":
            fields += calls.contacts_inward(out, response, self.bindings, self.now)
            self.registered += [one for one in out.bindings if one.expires > self.now.monotonic]
        return fields

    @property
    def withheld(self) -> dict[str, int]:
        """Challenges that were not shown and redirects that were not followed, by reason."""
        return self.challenges.counters | self.redirects.counters

    def redirected(self, call: Call, out: Outgoing, contacts: list[Address]) -> list[NextHop]:
        """The hops behind the Contacts of a 3xx that policy lets this call go to."""
        return self.redirects.hops(call, out, contacts, self.snapshot, self.now)

    def body(self, leg: Leg, message: Message) -> tuple[bytes, str] | None:
        """The body of a message of the other leg, and its type, as this leg may see it; None where it must not."""
        return shown_body(leg, message, self.dialogs, self.bindings, self.now.monotonic, self.told)

    def entity_tag(self, token: str, realm: str) -> calls.EntityTag | None:
        """The entity tag behind one that we have shown to this realm; None where there is none."""
        return self.entity_tags.find(token, realm, self.now.monotonic)

    def track(self, dialog: Dialog, leg: Leg) -> None:
        """Let requests in this dialog find the leg."""
        self.dialogs.add(dialog, leg)

    def forget(self, dialog: Dialog) -> None:
        """The dialog is over."""
        self.dialogs.remove(dialog)

    def health(self, hop: NextHop, alive: bool) -> None:
        """A target answered, or failed to."""
        self.note_health(hop, "" if alive else "a call failed")

    def answers_challenge(self, out: Outgoing, response: Response) -> bool:
        """Whether a 401 or 407 is for us to answer, as a user of the trunk."""
        flow = out.flow
        is_there = flow is not None and self._is_theirs(out, flow.host)
        return self.users.answers(out, response, is_at_trunk=is_there)

    def patience(self, hop: NextHop, other: NextHop) -> float:
        """Seconds to wait for any word of it while there is another: few where it alone is suspect."""
        seconds = self.snapshot.config.timers.failover
        is_suspect, is_other_suspect = self._is_suspect(hop), self._is_suspect(other)
        if is_suspect is is_other_suspect:
            return seconds
        return min(seconds, SUSPECT) if is_suspect else 2 * seconds

    def _is_suspect(self, hop: NextHop) -> bool:
        known = self.snapshot.router.health.find(hop)
        if known is None:
            return False
        is_untold = known.probe is None and known.risen > 0  # its penalty is over, and that is all
        return known.failures > 0 or known.state is not TargetState.UP or is_untold

    @property
    def lag(self) -> float:
        """Seconds that messages wait for their turn here: so long silence may be ours."""
        return self.delay

    def note_health(self, hop: NextHop, fault: str, is_probe: bool = False) -> None:
        """What became of a call or a probe; an empty `fault` is an answer. A change of state is reported."""
        router, now = self.snapshot.router, self.now
        if fault:
            changed = router.note_failure(hop, now.monotonic, fault)
            self.suspects.append((hop, changed))
        else:
            changed = router.note_success(hop, now.monotonic, is_probe)
        if changed:
            self.report(TargetChanged(hop.trunk, hop.shown, "down" if fault else "up", fault, now.wall))

    def report(self, event: Event) -> None:
        """Tell the operator."""
        self.outputs.append(event)

    def ended(self, call: Call) -> None:
        """Nothing more will come of this call but late answers to what it sent."""
        self.calls.pop(call.id, None)
        self.subscriptions.remove(call.id)
        self.trunks.leave(call.id)
        if call.attempt is not None:
            release(call.attempt)

    # Shared with the engine

    def arm(self, call: Call) -> None:
        """Once an input has touched a call: a record of what it changed goes ahead of all it sends; keep the call's
        alarm in the wheel no later than its deadline; let a call go that has none.
        """
        if self.is_journalled:
            record = keep(call, self.placement.names, self.now)
            if record is not None:
                self.outputs.insert(0, record)
        alarm = call.alarm
        deadline = call.next_timer
        if deadline is None:
            alarm.call = None
            if call.state is CallState.ENDED and call.id not in self.calls:  # not amid its end
                call.part()
        elif alarm.deadline <= self.now.monotonic or deadline < alarm.deadline:
            alarm.call = call
            alarm.deadline = deadline
            self.wheel.arm(alarm, deadline)
