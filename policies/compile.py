"""Conditions to closures: names and types are checked once, here, so that nothing can go wrong while a call waits."""

from __future__ import annotations

import operator
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, assert_never, cast

from policies.errors import Finding, PolicyErrors, suggest
from policies.facts import Facts
from policies.model import Condition, Predicate
from policies.patterns import INPUT_LIMIT, compile_pattern
from policies.syntax import And, Compare, Fact, Literal, Method, Node, Not, Or, Within, parse_condition
from policies.vocabulary import FACTS, FOREIGN, METHODS, Getter, Kind, Value, kind_of

_ORDER: Final[dict[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Compiled(NamedTuple):
    """A closure and the type of what it gives; `kind` is None where an error was found and reported already."""

    kind: Kind | None
    get: Getter


_WRONG: Final = Compiled(None, lambda facts: False)


def compile_condition(text: str) -> Condition:
    """A `when` ready to run. Raises PolicyErrors with every unknown name and wrong type, each with its column.

    `&&` and `||` evaluate from the left and stop when the outcome is known: a fact is read only where it matters.
    """
    syntax = parse_condition(text)
    compiler = _Compiler()
    compiled = compiler.truth(syntax, "a condition")
    if compiler.findings:
        raise PolicyErrors(compiler.findings)
    return Condition(text, cast(Predicate, compiled.get), syntax)


def compile_node(node: Node) -> Compiled:
    """A part of a condition that compiled before: for `explain`."""
    return _Compiler().node(node)


class _Compiler:
    """Walks the tree and gathers what is wrong with it."""

    def __init__(self) -> None:
        self.findings: Final[list[Finding]] = []

    def _wrong(self, node: Node, found: str, *, allowed: str = "", remedy: str = "") -> Compiled:
        self.findings.append(Finding(found, allowed=allowed, remedy=remedy, column=node.start + 1))
        return _WRONG

    def node(self, node: Node) -> Compiled:
        """Any part of a condition."""
        match node:
            case Literal(value):
                return Compiled(kind_of(value), lambda facts: value)
            case Fact():
                return self._fact(node)
            case Method():
                return self._method(node)
            case Compare():
                return self._compare(node)
            case Within():
                return self._within(node)
            case Not(operand):
                inner = self.truth(operand, "'!'").get
                return Compiled(Kind.TRUTH, lambda facts: not inner(facts))
            case And(operands):
                return Compiled(Kind.TRUTH, _all([self.truth(operand, "'&&'").get for operand in operands]))
            case Or(operands):
                return Compiled(Kind.TRUTH, _any([self.truth(operand, "'||'").get for operand in operands]))
            case _:
                assert_never(node)

    def truth(self, node: Node, place: str) -> Compiled:
        """A part that must be true or false."""
        compiled = self.node(node)
        if compiled.kind not in (None, Kind.TRUTH):
            remedy = "compare it with ==" if isinstance(node, Fact) else ""
            return self._wrong(node, f"{place} needs true or false and gets {_name(compiled.kind)}", remedy=remedy)
        return compiled

    def _fact(self, node: Fact) -> Compiled:
        known = FACTS.get(node.path)
        if known is not None:
            return Compiled(known[0], known[1])
        under = [path for path in FACTS if path.startswith(node.path + ".")]
        if not under:
            under = [path for path in FACTS if path.startswith(node.path.partition(".")[0] + ".")]
        remedy = suggest(node.path, FACTS)
        if node.path in ("and", "or", "not"):
            remedy = "write &&, || and !"
        return self._wrong(node, f"unknown fact '{node.path}'", allowed=", ".join(under or FACTS), remedy=remedy)

    def _compare(self, node: Compare) -> Compiled:
        left, right = self.node(node.left), self.node(node.right)
        if left.kind is None or right.kind is None:
            return _WRONG
        if left.kind is not right.kind:
            remedy = "put text into quotes" if Kind.TEXT in (left.kind, right.kind) else ""
            found = f"{_name(left.kind)} is compared with {_name(right.kind)}"
            return self._wrong(node, found, allowed="two values of one type", remedy=remedy)
        get, other = left.get, right.get
        if node.operator in _ORDER:
            if left.kind is not Kind.NUMBER:
                return self._wrong(node, f"'{node.operator}' between {_name(left.kind)} values", allowed="numbers only")
            order = cast(Callable[[Value, Value], bool], _ORDER[node.operator])
            return Compiled(Kind.TRUTH, lambda facts: order(get(facts), other(facts)))
        equal = node.operator == "=="
        if isinstance(node.right, Literal):
            value = node.right.value
            if equal:
                return Compiled(Kind.TRUTH, lambda facts: get(facts) == value)
            return Compiled(Kind.TRUTH, lambda facts: get(facts) != value)
        return Compiled(Kind.TRUTH, lambda facts: (get(facts) == other(facts)) is equal)

    def _within(self, node: Within) -> Compiled:
        left = self.node(node.left)
        values: list[Value] = []
        for item in node.items:
            if not isinstance(item, Literal):
                self._wrong(item, "a list holds something else than a value", allowed="strings, numbers, true, false")
            elif left.kind not in (None, kind_of(item.value)):
                found = f"{_name(left.kind)} is looked for in a list that holds {_name(kind_of(item.value))}"
                self._wrong(item, found, allowed="values of one type")
            else:
                values.append(item.value)
        if not node.items:
            return self._wrong(node, "an empty list: the condition can never hold", allowed="at least one value")
        if left.kind is None:
            return _WRONG
        get, members = left.get, frozenset(values)
        return Compiled(Kind.TRUTH, lambda facts: get(facts) in members)

    def _method(self, node: Method) -> Compiled:
        target = self.node(node.target)
        if node.name not in METHODS:
            meant = FOREIGN.get(node.name)
            remedy = f"did you mean '{meant}'?" if meant else suggest(node.name, METHODS)
            return self._wrong(
                node, f"unknown method '{node.name}'", allowed=", ".join(METHODS.values()), remedy=remedy
            )
        texts: list[str] = []
        for argument in node.arguments:
            if isinstance(argument, Literal) and isinstance(argument.value, str):
                texts.append(argument.value)
            else:
                self._wrong(argument, f"'{node.name}' gets something else than a string", allowed=METHODS[node.name])
        if target.kind not in (None, Kind.TEXT):
            return self._wrong(node, f"'{node.name}' of {_name(target.kind)}", allowed="methods of text only")
        if not node.arguments or (len(node.arguments) > 1 and node.name != "in_cidr"):
            return self._wrong(node, f"'{node.name}' gets {len(node.arguments)} strings", allowed=METHODS[node.name])
        if target.kind is None or len(texts) != len(node.arguments):
            return _WRONG
        return Compiled(Kind.TRUTH, self._text_method(node, cast(Callable[[Facts], str], target.get), texts))

    def _text_method(self, node: Method, get: Callable[[Facts], str], texts: list[str]) -> Getter:
        text = texts[0]
        if not text and node.name != "matches":
            return self._wrong(node, f"'{node.name}' of an empty string", remedy='compare with == "" for no text').get
        if node.name == "prefix":
            return lambda facts: get(facts).startswith(text)
        if node.name == "suffix":
            return lambda facts: get(facts).endswith(text)
        if node.name == "contains":
            return lambda facts: text in get(facts)
        if node.name == "matches":
            return self._matches(node, get, text)
        return self._in_cidr(node, get, texts)

    def _matches(self, node: Method, get: Callable[[Facts], str], text: str) -> Getter:
        try:
            search = compile_pattern(text).search
        except PolicyErrors as errors:
            for finding in errors.findings:
                found = f"{finding.found} at character {finding.column} of the pattern"
                self._wrong(node.arguments[0], found, allowed=finding.allowed, remedy=finding.remedy)
            return _WRONG.get
        return lambda facts: search(get(facts)[:INPUT_LIMIT]) is not None

    def _in_cidr(self, node: Method, get: Callable[[Facts], str], texts: list[str]) -> Getter:
        four: list[IPv4Network] = []
        six: list[IPv6Network] = []
        for argument, text in zip(node.arguments, texts, strict=True):
            try:
                network = ip_network(text)
            except ValueError as error:
                self._wrong(argument, f"not a network: {error}", allowed='"198.51.100.0/24", "2001:db8::/32"')
                continue
            if isinstance(network, IPv4Network):
                four.append(network)
            else:
                six.append(network)
        return lambda facts: _is_within(get(facts), four, six)


def _is_within(text: str, four: list[IPv4Network], six: list[IPv6Network]) -> bool:
    """True where `text` is an address of one of the networks; a host name never is."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return any(address in network for network in six)
        address = address.ipv4_mapped
    return any(address in network for network in four)


def _all(tests: list[Getter]) -> Getter:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: bool(first(facts) and second(facts))
    return lambda facts: all(test(facts) for test in tests)


def _any(tests: list[Getter]) -> Getter:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: bool(first(facts) or second(facts))
    return lambda facts: any(test(facts) for test in tests)


def _name(kind: Kind | None) -> str:
    return "something unknown" if kind is None else kind.value
