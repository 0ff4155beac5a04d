"""The arrows between rooms, read from the imports: what may know of what, and what the machines must never touch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A room of level n imports only rooms below n; `docs/architecture.md` says what each is for.
LEVELS = {
    "sbc": 0,
    "sbc.sip": 0,
    "sbc.sdp": 0,
    "sbc.mint": 0,
    "sbc.digest": 0,
    "sbc.wire": 0,
    "sbc.octets": 0,
    "sbc.records": 0,
    "sbc.outputs": 0,
    "sbc.steering": 0,
    "sbc.wheel": 0,
    "sbc.config": 0,
    "policies": 0,
    "rtpengine": 0,
    "sbc.transaction": 1,
    "sbc.dialog": 1,
    "sbc.firewall": 1,
    "sbc.topology": 1,
    "sbc.routing": 1,
    "sbc.media": 1,
    "sbc.call": 2,
    "sbc.adoption": 3,
    "sbc.adopter": 3,
    "sbc.build": 3,
    "sbc.contents": 3,
    "sbc.redirects": 3,
    "sbc.snapshot": 3,
    "sbc.trunks": 3,
    "sbc.waiting": 3,
    "sbc.locating": 3,
    "sbc.naming": 3,
    "sbc.credentials": 3,
    "sbc.registrations": 3,
    "sbc.status": 3,
    "sbc.probes": 3,
    "sbc.views": 3,
    "sbc.lingering": 3,
    "sbc.inspection": 3,
    "sbc.replies": 3,
    "sbc.requests": 3,
    "sbc.egress": 3,
    "sbc.placement": 3,
    "sbc.evacuation": 3,
    "sbc.measuring": 3,
    "sbc.relocation": 3,
    "sbc.reconciler": 3,
    "sbc.aliases": 3,
    "sbc.detours": 3,
    "sbc.keepalive": 3,
    "sbc.reach": 3,
    "sbc.refusals": 3,
    "sbc.moving": 3,
    "sbc.relief": 3,
    "sbc.inquiries": 3,
    "sbc.admission": 3,
    "sbc.transfers": 3,
    "sbc.reception": 3,
    "sbc.engine": 3,
    "sbc.transport": 4,
    "sbc.lookup": 4,
    "sbc.journal": 4,
    "sbc.crew": 4,
    "sbc.kernel": 4,
    "sbc.capture": 4,
    "sbc.telemetry": 4,
    "sbc.admin": 4,
    "sbc.config.load": 4,
    "policies.load": 4,
    "rtpengine.client": 4,
    "rtpengine.http": 4,
    "rtpengine.httpwire": 4,
    "rtpengine.pool": 4,
    "rtpengine.embedded": 4,
    "rtpengine.__main__": 5,
    "sbc.worker": 5,
    "sbc.supervisor": 5,
    "sbc.replay": 5,
    "sbc.cli": 5,
    "sbc.__main__": 5,
}

# Arrows between rooms of one level that are meant, each for a reason.
SIDEWAYS = {
    ("sbc.config", "sbc.sip"),  # a configuration holds URIs and parser limits
    ("sbc.config", "policies"),  # and the policy document it runs on
    ("sbc.mint", "sbc.sip"),  # the branch cookie
    ("sbc.digest", "sbc.sip"),  # how challenges and credentials are written
    ("sbc.outputs", "sbc.wire"),  # a Transmit names its flow
    ("sbc.outputs", "sbc.records"),  # a Lookup says what is sought
    ("sbc.outputs", "rtpengine"),  # a MediaCommand holds one
    ("sbc.engine", "sbc.snapshot"),  # one file would be the engine's, but for its length
    ("sbc.egress", "sbc.requests"),
    ("sbc.engine", "sbc.reception"),
    ("sbc.reception", "sbc.admission"),
    ("sbc.reception", "sbc.adopter"),
    ("sbc.reception", "sbc.build"),
    ("sbc.reception", "sbc.egress"),
    ("sbc.reception", "sbc.keepalive"),
    ("sbc.reception", "sbc.lingering"),
    ("sbc.reception", "sbc.probes"),
    ("sbc.reception", "sbc.reach"),
    ("sbc.reception", "sbc.refusals"),
    ("sbc.reception", "sbc.registrations"),
    ("sbc.reception", "sbc.snapshot"),
    ("sbc.reception", "sbc.transfers"),
    ("sbc.reception", "sbc.trunks"),
    ("sbc.requests", "sbc.aliases"),
    ("sbc.requests", "sbc.build"),
    ("sbc.requests", "sbc.credentials"),
    ("sbc.requests", "sbc.detours"),
    ("sbc.requests", "sbc.locating"),
    ("sbc.requests", "sbc.naming"),
    ("sbc.requests", "sbc.reach"),
    ("sbc.requests", "sbc.replies"),
    ("sbc.requests", "sbc.snapshot"),
    ("sbc.requests", "sbc.waiting"),
    ("sbc.egress", "sbc.lingering"),
    ("sbc.naming", "sbc.replies"),
    ("sbc.naming", "sbc.locating"),
    ("sbc.engine", "sbc.registrations"),
    ("sbc.engine", "sbc.status"),
    ("sbc.status", "sbc.admission"),
    ("sbc.registrations", "sbc.egress"),  # as probes
    ("sbc.registrations", "sbc.build"),
    ("sbc.registrations", "sbc.snapshot"),
    ("sbc.naming", "sbc.snapshot"),
    ("sbc.replies", "sbc.inspection"),
    ("sbc.replies", "sbc.build"),
    ("sbc.replies", "sbc.snapshot"),
    ("sbc.reach", "sbc.snapshot"),
    ("sbc.detours", "sbc.snapshot"),
    ("sbc.engine", "sbc.keepalive"),
    ("sbc.keepalive", "sbc.egress"),
    ("sbc.keepalive", "sbc.probes"),  # who asks targets can greet others
    ("sbc.reach", "sbc.locating"),
    ("sbc.naming", "sbc.reach"),
    ("sbc.inspection", "sbc.build"),
    ("sbc.inspection", "sbc.snapshot"),
    ("sbc.reception", "sbc.moving"),
    ("sbc.reception", "sbc.relief"),
    ("sbc.relief", "sbc.adopter"),
    ("sbc.relief", "sbc.adoption"),
    ("sbc.relief", "sbc.egress"),
    ("sbc.relief", "sbc.moving"),
    ("sbc.reception", "sbc.inquiries"),
    ("sbc.engine", "sbc.inquiries"),
    ("sbc.engine", "sbc.moving"),
    ("sbc.inquiries", "sbc.contents"),
    ("sbc.inquiries", "sbc.egress"),
    ("sbc.inquiries", "sbc.moving"),
    ("sbc.admission", "sbc.moving"),
    ("sbc.moving", "sbc.adopter"),
    ("sbc.moving", "sbc.adoption"),
    ("sbc.moving", "sbc.egress"),
    ("sbc.transfers", "sbc.admission"),
    ("sbc.transfers", "sbc.egress"),
    ("sbc.transfers", "sbc.snapshot"),
    ("sbc.transfers", "sbc.views"),
    ("sbc.refusals", "sbc.egress"),
    ("sbc.refusals", "sbc.requests"),
    ("sbc.refusals", "sbc.build"),
    ("sbc.admission", "sbc.egress"),
    ("sbc.admission", "sbc.refusals"),
    ("sbc.admission", "sbc.snapshot"),
    ("sbc.admission", "sbc.views"),
    ("sbc.engine", "sbc.views"),
    ("sbc.engine", "sbc.trunks"),
    ("sbc.engine", "sbc.waiting"),
    ("sbc.engine", "sbc.locating"),
    ("sbc.locating", "sbc.snapshot"),
    ("sbc.engine", "sbc.probes"),
    ("sbc.probes", "sbc.egress"),  # probes leave by the one exit
    ("sbc.probes", "sbc.snapshot"),
    ("sbc.egress", "sbc.snapshot"),
    ("sbc.egress", "sbc.contents"),
    ("sbc.egress", "sbc.reach"),
    ("sbc.egress", "sbc.redirects"),
    ("sbc.redirects", "sbc.snapshot"),
    ("sbc.redirects", "sbc.views"),
    ("sbc.egress", "sbc.adoption"),
    ("sbc.adoption", "sbc.snapshot"),
    ("sbc.adopter", "sbc.adoption"),
    ("sbc.adopter", "sbc.egress"),
    ("sbc.engine", "sbc.evacuation"),
    ("sbc.reception", "sbc.evacuation"),
    ("sbc.reception", "sbc.reconciler"),
    ("sbc.egress", "sbc.measuring"),
    ("sbc.engine", "sbc.measuring"),
    ("sbc.reconciler", "sbc.evacuation"),  # engines that have begun anew are lost ones
    ("sbc.reconciler", "sbc.egress"),
    ("sbc.evacuation", "sbc.egress"),  # calls speak by the one exit
    ("sbc.engine", "sbc.relocation"),
    ("sbc.reception", "sbc.relocation"),
    ("sbc.relocation", "sbc.egress"),
    ("sbc.egress", "sbc.trunks"),
    ("sbc.egress", "sbc.placement"),
    ("sbc.engine", "sbc.placement"),
    ("sbc.config.load", "policies.load"),  # a node file names its policy document
    ("rtpengine.pool", "rtpengine.client"),  # a pool is clients
    ("rtpengine.client", "rtpengine.httpwire"),  # one of its wires
    ("rtpengine.httpwire", "rtpengine.http"),
    ("rtpengine.__main__", "rtpengine.embedded"),
    ("sbc.cli", "sbc.worker"),
    ("sbc.cli", "sbc.supervisor"),
    ("sbc.cli", "sbc.replay"),
    ("sbc.supervisor", "sbc.worker"),
    ("sbc.__main__", "sbc.cli"),
}

# `python -m rtpengine` takes the way that leads to its command alone.
SIDE_DOORS = {("rtpengine.__main__", "rtpengine.embedded.command")}

# Entropy, clocks, descriptors and log lines come in as arguments and leave as outputs.
NOT_FOR_MACHINES = {"asyncio", "socket", "ssl", "time", "random", "secrets", "os", "threading", "logging"}

# Packages that only some rooms may know, and where even they import it inside a function only.
ONLY_IN = {
    "pydantic": {"sbc.config.load", "policies.load"},
    "pydantic_core": {"sbc.config.load", "policies.load"},
    "scapy": {"sbc.capture", "sbc.cli"},
    "msgspec": {"sbc.journal"},
}
LAZY = {"scapy"}

LONGEST_FILE = 600
RAW_TASKS = {"create_task", "ensure_future"}


class Import(NamedTuple):
    """One imported module (`from x import y` names `x.y` where that is a module of ours)."""

    module: str
    target: str
    line: int
    is_lazy: bool

    def __str__(self) -> str:
        return f"{self.module}:{self.line} -> {self.target}"


def product() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    files = sorted(path for top in ("sbc", "policies", "rtpengine") for path in (ROOT / top).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


MODULES = product()


@cache
def tree_of(module: str) -> ast.Module:
    """A module of ours, parsed."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports_of(module: str, tree: ast.Module, is_package: bool = False) -> Iterator[Import]:
    """Every import in `tree`, those inside functions and under TYPE_CHECKING included."""
    for node, is_lazy in statements_that_import(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, is_lazy)
        else:
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, *filter(None, [base])])
            for alias in node.names:
                target = base if alias.name in public_names(base) else f"{base}.{alias.name}"
                yield Import(module, target if target in MODULES or target in LEVELS else base, node.lineno, is_lazy)


def statements_that_import(node: ast.AST, is_lazy: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """With whether each stands in a function. Expressions hold none and are not looked into."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_lazy
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from statements_that_import(
                child, is_lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            )


@cache
def public_names(module: str) -> frozenset[str]:
    """What a package's `__init__` binds: a function may bear the name of the file that it comes from."""
    path = MODULES.get(module)
    if path is None or path.name != "__init__.py":
        return frozenset()
    imports = [node for node in tree_of(module).body if isinstance(node, ast.ImportFrom)]
    return frozenset(alias.asname or alias.name for node in imports for alias in node.names)


@cache
def room_of(module: str) -> str | None:
    """The room a module belongs to: the longest name in LEVELS that it lies in. `sbc` itself is its `__init__` only."""
    if module == "sbc":
        return module
    names = [room for room in LEVELS if room != "sbc" and (module == room or module.startswith(room + "."))]
    return max(names, key=len) if names else None


def is_ours(target: str) -> bool:
    return target.partition(".")[0] in {"sbc", "policies", "rtpengine"}


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(
        arrow
        for module, path in MODULES.items()
        for arrow in imports_of(module, tree_of(module), path.name == "__init__.py")
    )


def wrong_arrow(arrow: Import) -> bool:
    """True for an import of a room that is not below the importing one."""
    room, target = room_of(arrow.module), room_of(arrow.target)
    if not is_ours(arrow.target) or room is None or target is None or room == target or (room, target) in SIDEWAYS:
        return False
    if LEVELS[room] == 4:
        return LEVELS[target] != 0
    return LEVELS[target] >= LEVELS[room]


def past_the_door(arrow: Import) -> bool:
    """True for an import of a file inside another room; rooms inside a package know that package's files."""
    room, target = room_of(arrow.module), room_of(arrow.target)
    if not is_ours(arrow.target) or room is None or target is None or room == target:
        return False
    if arrow.target == target or (room, arrow.target) in SIDE_DOORS:
        return False
    return not room.startswith(target + ".")


def forbidden_to_machines(arrow: Import) -> bool:
    room = room_of(arrow.module)
    return room is not None and LEVELS[room] <= 3 and arrow.target.partition(".")[0] in NOT_FOR_MACHINES


def package_out_of_place(arrow: Import) -> bool:
    """True for an import of a package reserved to other rooms, or of a lazy one at a module's top."""
    top = arrow.target.partition(".")[0]
    if top not in ONLY_IN:
        return False
    return room_of(arrow.module) not in ONLY_IN[top] or (top in LAZY and not arrow.is_lazy)


def raw_tasks(tree: ast.Module) -> list[int]:
    """Lines that start a task which nobody owns: asyncio's own functions, or a loop's method."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "asyncio":
            lines += [node.lineno for alias in node.names if alias.name in RAW_TASKS]
        elif isinstance(node, ast.Attribute) and node.attr in RAW_TASKS:
            owner = ast.unparse(node.value)
            if owner == "asyncio" or owner.endswith(("loop", "loop()")):
                lines.append(node.lineno)
    return lines


def offending(check: object) -> list[str]:
    assert callable(check)
    return [str(arrow) for arrow in all_imports() if check(arrow)]


def test_every_file_belongs_to_a_room() -> None:
    assert [module for module in MODULES if room_of(module) is None] == []


def test_a_room_imports_only_rooms_below_it() -> None:
    assert offending(wrong_arrow) == []


def test_other_rooms_come_in_by_the_door() -> None:
    """A room's `__init__` lists what is public; its files are its own."""
    assert offending(past_the_door) == []


def test_machines_know_no_clock_no_entropy_no_socket_and_no_log() -> None:
    assert offending(forbidden_to_machines) == []


def test_policies_and_rtpengine_know_nothing_of_the_sbc() -> None:
    """Both are usable without it: facts go in and a decision comes out, commands go in and replies come out."""
    assert offending(lambda arrow: not arrow.module.startswith("sbc") and arrow.target.partition(".")[0] == "sbc") == []


def test_packages_stay_in_the_rooms_that_pay_for_them() -> None:
    """pydantic at the edge; scapy (slow, large, GPL-2.0-only) never in the daemon's import graph."""
    assert offending(package_out_of_place) == []


def test_every_task_has_an_owner() -> None:
    """asyncio.TaskGroup owns tasks: a fire-and-forget one loses its exception."""
    found = {module: raw_tasks(tree_of(module)) for module in MODULES}
    assert {module: lines for module, lines in found.items() if lines} == {}


def test_no_file_is_longer_than_600_lines() -> None:
    files = [*MODULES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in files}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("module", "line", "check"),
    [
        ("sbc.dialog.table", "from sbc.transaction import TransactionTable", wrong_arrow),
        ("sbc.sip.via", "from sbc.engine import Engine", wrong_arrow),
        ("sbc.sip.via", "def f():\n    import sbc.engine", wrong_arrow),
        ("sbc.transport.udp", "from sbc.engine import Engine", wrong_arrow),
        ("sbc.transport.udp", "from sbc import admin", wrong_arrow),
        ("policies.model", "from policies.load import load_document", wrong_arrow),
        ("sbc.call.call", "from sbc.sip.via import Via", past_the_door),
        ("sbc.call.call", "import sbc.sip.via", past_the_door),
        ("sbc.call.call", "from ..sip.via import Via", past_the_door),
        ("sbc.engine", "import time", forbidden_to_machines),
        ("sbc.sip.via", "from os.path import join", forbidden_to_machines),
        ("sbc.worker", "import scapy.all", package_out_of_place),
        ("sbc.capture.odd", "import scapy.all", package_out_of_place),
        ("sbc.config.model", "from pydantic import BaseModel", package_out_of_place),
    ],
)
def test_the_checks_see_an_offence(module: str, line: str, check: object) -> None:
    assert callable(check)
    assert [str(arrow) for arrow in imports_of(module, ast.parse(line)) if check(arrow)] != []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("sbc.sip.via", "from sbc.sip.params import Params"),
        ("sbc.dialog.table", "from sbc.sip import Request"),
        ("sbc.transport.udp", "import socket\nfrom sbc.wire import Flow"),
        ("rtpengine.client", "from rtpengine.bencode import decode"),
        ("sbc.capture.odd", "def read():\n    import scapy.all"),
        ("sbc.worker", "from sbc.engine import Engine"),
        ("sbc.call.call", "from sbc.firewall import sanity"),
        ("sbc.config.load", "from pydantic import BaseModel\nfrom sbc.config.model import Config"),
    ],
)
def test_the_checks_let_what_is_meant_pass(module: str, line: str) -> None:
    checks = (wrong_arrow, past_the_door, forbidden_to_machines, package_out_of_place)
    assert [str(arrow) for arrow in imports_of(module, ast.parse(line)) for check in checks if check(arrow)] == []


@pytest.mark.parametrize(
    "line",
    ["asyncio.create_task(x)", "from asyncio import create_task", "loop.create_task(x)", "asyncio.ensure_future(x)"],
)
def test_a_task_without_an_owner_is_seen(line: str) -> None:
    assert raw_tasks(ast.parse(line)) == [1]


def test_a_task_of_a_group_has_an_owner() -> None:
    assert raw_tasks(ast.parse("group.create_task(x)")) == []


def _hot_patterns() -> list[str]:
    """What setup.py has compiled."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8").partition("COLD = {")[0]
    return re.findall(r'^    "((?:sbc|policies|rtpengine)/[^"]+)",$', text, re.MULTILINE)


def _hot_files_with(pattern: re.Pattern[str]) -> list[str]:
    paths = [path for one in _hot_patterns() for path in ROOT.glob(one)]
    return [str(path) for path in paths if pattern.search(path.read_text(encoding="utf-8"))]


def test_setup_names_each_hot_room_once() -> None:
    """mypyc takes a file that is named twice for two of one name, and the room stays Python."""
    names = _hot_patterns()
    assert sorted(names) == sorted(set(names))


def test_no_attribute_of_a_compiled_module_becomes_a_keyword_of_c() -> None:
    """mypyc puts one underscore before it: `_thread` is `__thread` then, and nothing compiles."""
    words = re.compile(r"\bself\._(?:thread|inline|asm|attribute|const|volatile|signed|label|extension|real|imag)\b")
    assert _hot_files_with(words) == []


def test_no_constant_of_a_compiled_module_is_a_tuple_of_floats_alone() -> None:
    """mypyc takes such a one for unset, and whoever reads it meets a NameError that pure Python does not know."""
    floats = re.compile(r"^\w+: Final(?:\[[^\n]+\])? = \((?:-?\d+\.\d+(?:, )?)+,?\)", re.MULTILINE)
    assert floats.search("_PAUSES: Final = (5.0, 300.0)")
    assert _hot_files_with(floats) == []
