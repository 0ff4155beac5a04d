"""Two patient user agents on threads: one that answers whatever comes, one that calls and takes what it is given.

They stand opposite other people's scenarios, so they forgive: no state machine, no retransmission, an answer for
every offer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tests.rig.ua import DialogOf, Message, Ua


def answer_to(offer: bytes, ua: Ua) -> str:
    """An answer that takes the first format of every stream it knows and refuses the rest (RFC 3264 section 6)."""
    text = offer.decode("utf-8", "replace").replace("\r\n", "\n")
    kind = "IP6" if ":" in ua.host else "IP4"
    lines = ["v=0", f"o=answerer 4711 {len(text)} IN {kind} {ua.host}", "s=-", f"c=IN {kind} {ua.host}", "t=0 0"]
    port = 19000
    for section in text.split("\nm=")[1:]:
        first, *rest = section.split("\n")
        fields = first.split()
        if len(fields) < 4:
            continue
        media, offered, protocol, payload = fields[0], fields[1], fields[2], fields[3]
        known = media in ("audio", "video") and protocol.startswith("RTP/AVP") and offered.split("/")[0] != "0"
        lines.append(f"m={media} {port if known else 0} {protocol} {payload}")
        port += 2
        lines += [line.strip() for line in rest if line.startswith(f"a=rtpmap:{payload} ")]
        if "a=sendonly" in section:
            lines.append("a=recvonly")
        elif "a=inactive" in section:
            lines.append("a=inactive")
    return "\r\n".join(lines) + "\r\n"


class Answerer:
    """Answers every INVITE with 180 and 200 and an SDP that fits, every other request with 200, until `close`.

    `then` is what it does after the ACK, one word after the other: a method, `reinvite`, or `pause` (0.3 s). With `now`
    for its first word it does not ring.
    """

    def __init__(self, ua: Ua, refuse: int = 0, then: tuple[str, ...] = ()) -> None:
        self.ua = ua
        self.refuse = refuse
        self._rings = then[:1] != ("now",)
        self._then = list(then if self._rings else then[1:])
        self.invites: list[Message] = []
        self.requests: list[Message] = []
        self.byes = 0
        self._dialog: DialogOf | None = None
        self._watched: DialogOf | None = None
        self._again = 0.0
        self._open = True
        self._thread = threading.Thread(target=self._run, name="answerer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        seen: set[str] = set()
        while self._open:
            message = self.ua.receive(0.05)
            if self._again and time.monotonic() > self._again:
                self._again = 0.0
                self._then.insert(0, "reinvite")
                self._next()
            if message is None:
                continue
            if not message.method:
                self._answered(message)
                continue
            self.requests.append(message)
            if message.method == "INVITE":
                self._invited(message, seen)
            elif message.method == "ACK":
                self._next()
            elif message.method == "REGISTER" and not message.get("authorization"):
                challenge = 'WWW-Authenticate: Digest realm="answerer", nonce="abc123", algorithm=MD5\r\n'
                self.ua.respond(message, 401, "Unauthorized", tag="answerertag", headers=challenge)
            elif message.method == "SUBSCRIBE":
                self._subscribed(message)
            else:
                self.byes += message.method == "BYE"
                self.ua.respond(message, 200, "OK", tag="answerertag")

    def _subscribed(self, message: Message) -> None:
        """Accept, and notify at once (RFC 6665 section 4.2.1.2); of a subscription to nothing, the end."""
        seconds = message.get("expires") or "3600"
        self.ua.respond(message, 200, "OK", tag="answerertag", headers=f"Expires: {seconds}\r\n")
        self._watched = self._watched or DialogOf.as_callee(message, "answerertag")
        state = "terminated;reason=timeout" if seconds == "0" else f"active;expires={seconds}"
        headers = f"Event: {message.get('event')}\r\nSubscription-State: {state}\r\n"
        self.ua.send(self.ua.in_dialog("NOTIFY", self._watched, headers=headers))

    def _next(self) -> None:
        """Do the next thing on the list inside the dialog of the last INVITE."""
        if self._then and self.invites:
            self._dialog = self._dialog or DialogOf.as_callee(self.invites[0], "answerertag")
            step = self._then.pop(0)
            if step == "pause" and self._then:
                time.sleep(0.3)
                step = self._then.pop(0)
            method = "INVITE" if step == "reinvite" else step.upper()
            body = self.ua.sdp(18000, version=2) if method == "INVITE" else ""
            self.ua.send(self.ua.in_dialog(method, self._dialog, body=body))

    def _answered(self, response: Message) -> None:
        if response.status < 200 or response.cseq_method != "INVITE" or self._dialog is None:
            return
        ack = self.ua.in_dialog("ACK", self._dialog)
        if response.status >= 300:  # the ACK to a failure is part of its transaction: same branch
            lines = ack.split("\r\n")
            ack = "\r\n".join([lines[0], f"Via: {response.get('via')}", *lines[2:]])
        self.ua.send(ack)
        if response.status == 491 and not self._again:
            self._again = time.monotonic() + 0.3
        elif response.status != 491:
            self._next()

    def _invited(self, invite: Message, seen: set[str]) -> None:
        branch = invite.get("via")
        if branch not in seen:
            seen.add(branch)
            self.invites.append(invite)
            if self._rings and ";tag=" not in invite.get("to"):
                self.ua.respond(invite, 180, "Ringing", tag="answerertag")
        if self.refuse:
            self.ua.respond(invite, self.refuse, "Refused", tag="answerertag")
            return
        body = answer_to(invite.body, self.ua) if invite.body.strip() else self.ua.sdp(18000)
        self.ua.respond(invite, 200, "OK", tag="answerertag", body=body)

    def close(self) -> None:
        """Stop answering."""
        self._open = False
        self._thread.join(2)
        self.ua.close()


class Caller:
    """One call: INVITE, what `steps` say, BYE. `status` is the final response, `heard` what came.

    Steps are single words: `reinvite`, `empty-reinvite`, `options`, `info`, `wait` (for the far end's BYE), `bye`,
    `cancel`.
    """

    def __init__(self, ua: Ua, uri: str, *, late: bool = False, patience: float = 8.0) -> None:
        self.ua = ua
        self.uri = uri
        self.status = 0
        self.ended = False
        self._late = late
        self._patience = patience
        self._invite = ""
        self._dialog: DialogOf | None = None

    def run(self, *steps: str) -> int:
        """Make the call and go through the steps; the final status of the INVITE (0: none came)."""
        self._invite = self.ua.request("INVITE", self.uri, body="" if self._late else self.ua.sdp())
        self.ua.send(self._invite)
        if steps[:1] == ("cancel",):
            self._wait(lambda message: 100 < message.status < 200)
            head, _, _ = self._invite.partition("Contact:")
            self.ua.send(
                head.replace("INVITE sip", "CANCEL sip").replace("1 INVITE", "1 CANCEL") + "Content-Length: 0\r\n\r\n"
            )
        final = self._wait(lambda message: message.status >= 200 and message.cseq_method == "INVITE")
        if final is None:
            return 0
        self.status = final.status
        if final.status >= 300:
            head, _, _ = self._invite.partition("Contact:")
            text = head.replace("INVITE sip", "ACK sip").replace("1 INVITE", "1 ACK")
            self.ua.send(text.replace(f"To: <{self.uri}>", f"To: {final.get('to')}") + "Content-Length: 0\r\n\r\n")
            return self.status
        self._dialog = DialogOf.as_caller(final)
        self._ack(final)
        for step in steps:
            if not self.ended:
                self._step(step)
        return self.status

    def _ack(self, final: Message) -> None:
        assert self._dialog is not None
        number = int(final.get("cseq").split()[0])
        dialog = self._dialog
        body = self.ua.sdp() if self._late and number == 1 else ""
        at = DialogOf(dialog.from_, dialog.to, dialog.call_id, dialog.target, number)
        self.ua.send(self.ua.in_dialog("ACK", at, body=body))

    def _step(self, step: str) -> None:
        assert self._dialog is not None
        if step in ("reinvite", "empty-reinvite"):
            body = self.ua.sdp(version=self._dialog.cseq + 1) if step == "reinvite" else ""
            self.ua.send(self.ua.in_dialog("INVITE", self._dialog, body=body))
            final = self._wait(lambda message: message.status >= 200 and message.cseq_method == "INVITE")
            if final is not None:
                self._ack(final)
        elif step in ("options", "info"):
            self.ua.send(self.ua.in_dialog(step.upper(), self._dialog))
            self._wait(lambda message: message.status >= 200 and message.cseq_method == step.upper())
        elif step == "wait":
            self._wait(lambda _: self.ended)
        elif step == "bye":
            self.ua.send(self.ua.in_dialog("BYE", self._dialog))
            self._wait(lambda message: message.status >= 200 and message.cseq_method == "BYE")
            self.ended = True
        elif step.startswith("talk"):
            self._wait(lambda _: self.ended, patience=0.5)

    def _wait(self, wanted: Callable[[Message], bool], patience: float = 0.0) -> Message | None:
        deadline = time.monotonic() + (patience or self._patience)
        while time.monotonic() < deadline:
            message = self.ua.receive(0.05)
            if message is None:
                continue
            if message.method:
                self._asked(message)
            elif self._dialog is not None and message.status == 200 and message.cseq_method == "INVITE":
                if wanted(message):
                    return message
                self._ack(message)
                continue
            if wanted(message):
                return message
        return None

    def _asked(self, message: Message) -> None:
        if message.method == "INVITE":
            body = answer_to(message.body, self.ua) if message.body.strip() else self.ua.sdp()
            self.ua.respond(message, 200, "OK", body=body)
        elif message.method != "ACK":
            self.ua.respond(message, 200, "OK")
            self.ended = self.ended or message.method == "BYE"
