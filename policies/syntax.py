"""Tokens to a tree: the grammar of conditions.

    or         = and *( "||" and )
    and        = comparison *( "&&" comparison )
    comparison = unary [ ( "==" / "!=" / "<" / "<=" / ">" / ">=" ) unary / "in" list ]
    unary      = "!" unary / postfix
    postfix    = primary *( "." name "(" [ or *( "," or ) ] ")" )
    primary    = string / number / "true" / "false" / fact / "(" or ")"
    fact       = name *( "." name )
    list       = "[" [ or *( "," or ) ] "]"

It is a subset of what CEL writes, with CEL's precedence. What names and types are allowed is `compile`'s to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from policies.errors import PolicyErrors
from policies.lexer import Kind, Token, fail, tokenize

DEPTH_LIMIT: Final = 40  # brackets and negations inside each other

COMPARISONS: Final[frozenset[str]] = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, true or false."""

    value: str | int | bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Fact:
    """A dotted name such as `message.to.number`."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Method:
    """`target.name(arguments)`."""

    target: Node
    name: str
    arguments: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and a comparison between them."""

    operator: str
    left: Node
    right: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Within:
    """`left in [items]`."""

    left: Node
    items: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Node
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class And:
    """All operands, evaluated from the left until one is false."""

    operands: tuple[Node, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Or:
    """Any operand, evaluated from the left until one is true."""

    operands: tuple[Node, ...]
    start: int
    end: int


Node = Literal | Fact | Method | Compare | Within | Not | And | Or


def parse_condition(text: str) -> Node:
    """The tree of a condition; raises PolicyErrors with the position of the first thing that does not fit."""
    parser = _Parser(tokenize(text))
    node = parser.disjunction()
    parser.expect_end()
    return node


class _Parser:
    """Recursive descent over the tokens: one method a rule of the grammar, one token of look-ahead."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens: Final = tokens
        self._index = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._tokens[self._index]
        self._index += 1
        return token

    def _accept(self, operator: str) -> bool:
        if self._token.is_operator(operator):
            self._index += 1
            return True
        return False

    def _expect(self, operator: str, after: str) -> Token:
        if not self._token.is_operator(operator):
            raise self._unexpected(f"'{operator}' after {after}")
        return self._take()

    def _unexpected(self, allowed: str) -> PolicyErrors:
        token = self._token
        found = "the condition ends too early" if token.kind is Kind.END else f"unexpected {_describe(token)}"
        return fail(found, token.start, allowed=allowed)

    def expect_end(self) -> None:
        """Nothing may follow."""
        token = self._token
        if token.kind is Kind.END:
            return
        remedies = {"and": "write && for 'and'", "or": "write || for 'or'", "not": "write ! for 'not'"}
        remedy = remedies.get(token.text.lower(), "") if token.kind is Kind.NAME else ""
        if token.kind is Kind.OPERATOR and token.text in COMPARISONS:
            remedy = "comparisons do not chain: join two of them with &&"
        raise fail(f"unexpected {_describe(token)}", token.start, allowed="&&, || or the end", remedy=remedy)

    def disjunction(self) -> Node:
        """or = and *( "||" and )"""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise fail(
                f"more than {DEPTH_LIMIT} levels of brackets", self._token.start, remedy="split it into several rules"
            )
        operands = [self._conjunction()]
        while self._accept("||"):
            operands.append(self._conjunction())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else Or(tuple(operands), operands[0].start, operands[-1].end)

    def _conjunction(self) -> Node:
        operands = [self._comparison()]
        while self._accept("&&"):
            operands.append(self._comparison())
        return operands[0] if len(operands) == 1 else And(tuple(operands), operands[0].start, operands[-1].end)

    def _comparison(self) -> Node:
        left = self._unary()
        token = self._token
        if token.kind is Kind.OPERATOR and token.text in COMPARISONS:
            self._take()
            right = self._unary()
            return Compare(token.text, left, right, left.start, right.end)
        if token.kind is Kind.NAME and token.text == "in":
            self._take()
            self._expect("[", "'in'")
            items, end = self._list("]")
            return Within(left, items, left.start, end)
        return left

    def _unary(self) -> Node:
        if not self._token.is_operator("!"):
            return self._postfix()
        start = self._take().start
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise fail(f"more than {DEPTH_LIMIT} negations", start)
        operand = self._unary()
        self._depth -= 1
        return Not(operand, start, operand.end)

    def _postfix(self) -> Node:
        node = self._primary()
        first = self._index
        while self._accept("."):
            if self._index - first > 4 * DEPTH_LIMIT:
                raise fail("too many methods in a row", self._token.start)
            name = self._name("a method name after '.'")
            self._expect("(", f"'.{name.text}'")
            node = self._call(node, name.text)
        return node

    def _call(self, target: Node, name: str) -> Node:
        arguments, end = self._list(")")
        return Method(target, name, arguments, target.start, end)

    def _list(self, closing: str) -> tuple[tuple[Node, ...], int]:
        """Items up to the closing bracket, and where that one ends."""
        items: list[Node] = []
        while not self._token.is_operator(closing):
            items.append(self.disjunction())
            if not self._accept(","):
                break
        return tuple(items), self._expect(closing, "the last item").end

    def _primary(self) -> Node:
        token = self._token
        if token.kind is Kind.STRING:
            self._take()
            return Literal(token.text, token.start, token.end)
        if token.kind is Kind.NUMBER:
            self._take()
            return Literal(int(token.text), token.start, token.end)
        if token.kind is Kind.NAME:
            self._take()
            if token.text in ("true", "false"):
                return Literal(token.text == "true", token.start, token.end)
            return self._fact(token)
        if self._accept("("):
            node = self.disjunction()
            self._expect(")", "the bracketed condition")
            return node
        raise self._unexpected("a fact, a string, a number, true, false, ! or (")

    def _fact(self, first: Token) -> Node:
        """Names joined by dots; the last one is a method where a bracket follows."""
        path = [first.text]
        end = first.end
        while self._accept("."):
            name = self._name("a name after '.'")
            if self._accept("("):
                return self._call(Fact(".".join(path), first.start, end), name.text)
            path.append(name.text)
            end = name.end
        if self._token.is_operator("("):
            raise fail(
                f"unexpected '(' after {first.text!r}",
                self._token.start,
                remedy="methods belong to a fact: fact.method()",
            )
        return Fact(".".join(path), first.start, end)

    def _name(self, allowed: str) -> Token:
        if self._token.kind is not Kind.NAME:
            raise self._unexpected(allowed)
        return self._take()


def _describe(token: Token) -> str:
    return f"string {token.text!r}" if token.kind is Kind.STRING else f"'{token.text}'"
