"""Why a decision is what it is: each rule tried, and what in its condition held or did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from policies.compile import compile_node
from policies.evaluate import Decision, apply_ingress, evaluate
from policies.facts import Facts
from policies.model import Condition, Document
from policies.syntax import And, Compare, Fact, Literal, Method, Node, Not, Or, Within
from policies.vocabulary import FACTS, Value


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule that was tried: whether its condition held, and the parts of it that settled the matter."""

    rule: str
    matched: bool
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rules tried in order, up to the one that decided, and the decision."""

    tried: tuple[Tried, ...]
    decision: Decision
    called: str = ""
    """`the called number was X, translated to Y`, or an empty string."""


def explain(document: Document, facts: Facts, now_wall: float = 0.0) -> Explanation:
    """The same walk as `evaluate`, told. For people: it is slow, and not for the straight path."""
    decision = evaluate(document, facts, now_wall)
    seen, called = apply_ingress(document, facts)
    note = f"the called number {facts.message.uri.number} was translated to {called}" if called else ""
    tried: list[Tried] = []
    for rule in document.rules:
        matched = bool(rule.when.test(seen))
        tried.append(Tried(rule.name, matched, tuple(_reasons(rule.when, seen))))
        if matched:
            break
    return Explanation(tuple(tried), decision, note)


def _reasons(condition: Condition, facts: Facts) -> list[str]:
    node: Node = condition.syntax
    return _settled(node, condition.text, facts)


def _settled(node: Node, text: str, facts: Facts) -> list[str]:
    """The smallest parts that made `node` what it is: all of a true `&&`, the first false one of a false `&&`."""
    match node:
        case And(operands):
            for operand in operands:
                if not _value(operand, facts):
                    return _settled(operand, text, facts)
            return [line for operand in operands for line in _settled(operand, text, facts)]
        case Or(operands):
            for operand in operands:
                if _value(operand, facts):
                    return _settled(operand, text, facts)
            return [line for operand in operands for line in _settled(operand, text, facts)]
        case Not(operand):
            return _settled(operand, text, facts)
        case _:
            return [_told(node, text, facts)]


def _told(node: Node, text: str, facts: Facts) -> str:
    """`message.method == "INVITE" is false: message.method is "BYE"`."""
    outcome = "true" if _value(node, facts) else "false"
    line = f"{text[node.start : node.end]} is {outcome}"
    if isinstance(node, Fact):
        return line
    values = [f"{path} is {_shown(FACTS[path][1](facts))}" for path in dict.fromkeys(paths(node))]
    return f"{line}: {', '.join(values)}" if values else line


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{value}"'


def _value(node: Node, facts: Facts) -> Value:
    return compile_node(node).get(facts)


def paths(node: Node) -> list[str]:
    """The facts that a part of a condition reads, in order."""
    match node:
        case Literal():
            return []
        case Fact(path):
            return [path]
        case Method(target, _, arguments):
            return [path for part in (target, *arguments) for path in paths(part)]
        case Compare(_, left, right):
            return paths(left) + paths(right)
        case Within(left, items):
            return [path for part in (left, *items) for path in paths(part)]
        case Not(operand):
            return paths(operand)
        case And(operands) | Or(operands):
            return [path for operand in operands for path in paths(operand)]
        case _:
            assert_never(node)
