"""One request, one decision: the first rule whose condition holds."""

from __future__ import annotations

from typing import Final

from policies.facts import Facts, Message, Party
from policies.model import Action, Document, Translation


class Decision:
    """What the policy says about one request. Exactly one of `route`, `reject` and `drop` is set.

    `rule` is the name of the rule that decided, `default` where none did. `called` is the called number as the ingress
    translations left it; an empty string means that it was not changed. `media` is empty for the node's own mode.
    """

    __slots__ = ("called", "drop", "media", "reject", "route", "rule")

    def __init__(self, rule: str, action: Action, called: str = "") -> None:
        self.rule: Final = rule
        self.route: Final = action.route
        self.reject: Final = action.reject
        self.drop: Final = action.drop
        self.media: Final = action.media
        self.called: Final = called

    def __repr__(self) -> str:
        what = f"route {', '.join(self.route)}" if self.route else f"reject {self.reject}" if self.reject else "drop"
        return f"<Decision {self.rule!r}: {what}>"


DEFAULT_RULE: Final = "default"
"""The name under which the document's default decides; no rule may bear it."""


def evaluate(document: Document, facts: Facts, now_wall: float) -> Decision:
    """The decision of the first rule that holds, or the document's default.

    Pure: the same document, facts and time give the same decision. The rules see the called number (`message.uri` and
    `message.to`) as the ingress translations of the source's realm leave it. No fact of this version depends on time.
    """
    called = ""
    if document.translations:
        facts, called = apply_ingress(document, facts)
    for rule in document.rules:
        if rule.when.test(facts):
            return Decision(rule.name, rule.then, called)
    return Decision(DEFAULT_RULE, document.default, called)


def translate(document: Document, direction: str, realm: str, trunk: str, number: str) -> str:
    """The called number as the first matching translation of that direction, realm and trunk makes it.

    `number` comes back unchanged where none matches, and where it is no telephone number.
    """
    if number:
        for translation in document.translations:
            if _applies(translation, direction, realm, trunk) and translation.matches(number):
                return translation.change(number)
    return number


def _applies(translation: Translation, direction: str, realm: str, trunk: str) -> bool:
    return (
        translation.direction == direction
        and (not translation.realm or translation.realm == realm)
        and (not translation.trunk or translation.trunk == trunk)
    )


def apply_ingress(document: Document, facts: Facts) -> tuple[Facts, str]:
    """The facts as the rules see them, and the translated number of the Request-URI ("" for unchanged)."""
    source, message = facts.source, facts.message
    if not any(_applies(each, "ingress", source.realm, source.trunk) for each in document.translations):
        return facts, ""
    number = message.uri.number
    called = translate(document, "ingress", source.realm, source.trunk, number)
    to_number = message.to.number
    to_called = translate(document, "ingress", source.realm, source.trunk, to_number)
    if called == number and to_called == to_number:
        return facts, ""
    uri = message.uri if called == number else Party(called, message.uri.host, message.uri.scheme)
    to = message.to if to_called == to_number else Party(to_called, message.to.host, message.to.scheme)
    changed = Message(message.method, uri, message.from_, to, message.user_agent)
    return Facts(source, changed), "" if called == number else called
