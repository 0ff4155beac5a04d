"""The house rules that a program can check: sizes, names, docs that keep up with the code, the suite's own guards."""

from __future__ import annotations

import ast
import asyncio
import re
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from policies import run_tests
from policies.load import load_document
from sbc import __version__
from sbc.config.load import load_config
from sbc.outputs import DropReason
from sbc.sip import Fault
from sbc.transport import Ended, NotTaken
from tests.conftest import must_run
from tests.test_architecture import LEVELS, MODULES, ROOT, all_imports, is_ours, tree_of

TEXTS = [
    path
    for pattern in (
        "*.md",
        "*.toml",
        "*.lock",
        "Makefile",
        "setup.py",
        ".ci/run",
        "docs/**/*.md",
        "pcaps/**/*.md",
        "tools/*",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
]
PAGES = [path for path in TEXTS if path.suffix == ".md"]

# A distribution that installs a module of another name.
MODULE_OF = {"dnspython": "dns", "netifaces-plus": "netifaces", "pyopenssl": "OpenSSL"}
# Modules of a distribution that only works with its other half.
HALF_OF = {"pydantic_core": "pydantic"}

LONGEST_FUNCTION = 60

# The shell's outermost guards: an input, a background task, a reader that the loop calls, and a node that must close
# what it opened.
GUARDS = {
    "sbc.worker",
    "sbc.supervisor.births",
    "sbc.supervisor.tasks",
    "sbc.supervisor.life",
    "sbc.transport.poller",
}
NOT_A_ROOM = {"manager", "helper", "helpers", "util", "utils", "common", "misc", "base", "core"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# The suite's own guards


def test_a_unit_test_that_sleeps_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="must not sleep"):
        time.sleep(0)


def test_a_unit_test_that_waits_in_a_loop_fails() -> None:
    with pytest.raises(pytest.fail.Exception, match="must not sleep"):
        asyncio.run(asyncio.sleep(0.001))


def test_a_unit_test_that_binds_a_socket_fails() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        with pytest.raises(pytest.fail.Exception, match="must not use a socket"):
            one.bind(("127.0.0.1", 0))
        with pytest.raises(pytest.fail.Exception, match="must not use a socket"):
            one.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("reason", "missing", "has_shared", "expected"),
    [
        ("too lazy", [], True, True),
        ("too lazy", ["sipp is not installed"], True, False),
        ("no folder 'shared' beside the repository", [], False, False),
        ("no folder 'shared' beside the repository", [], True, True),
    ],
)
def test_a_skip_counts_as_failure_where_nothing_excuses_it(
    reason: str, missing: list[str], has_shared: bool, expected: bool
) -> None:
    assert must_run(reason, missing, has_shared) is expected


# One command per job


@pytest.mark.parametrize(
    "target", ["run", "test", "test-fast", "bench", "bench-record", "suites", "lint", "format", "clean"]
)
def test_the_makefile_has_the_target(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", text("Makefile"), re.MULTILINE)


def test_ci_runs_make_test_and_nothing_more() -> None:
    assert text(".ci/run").splitlines()[-1].startswith("exec make test")


def test_the_lock_file_pins_versions_and_names_no_place() -> None:
    lines = [line for line in text("requirements.lock").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*( ; .+)?", line)] == []


def _declared() -> set[str]:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    return {re.split(r"[<>=!~ \[;]", one, maxsplit=1)[0].lower() for one in wanted}


def test_every_dependency_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in text("requirements.lock").splitlines()}
    assert _declared() - pinned == set()


def test_what_builds_the_project_is_installed_for_its_tests() -> None:
    """`make compiled` runs setup.py with `.venv`: Pythons bring it no setuptools, or one too old for pyproject.toml."""
    project = tomllib.loads(text("pyproject.toml"))
    assert set(project["build-system"]["requires"]) <= set(project["project"]["optional-dependencies"]["test"])


def test_every_package_imported_is_declared() -> None:
    """What another package happens to bring may be gone with its next release."""
    declared = {MODULE_OF.get(name, name.replace("-", "_")) for name in _declared()}
    used = {arrow.target.partition(".")[0] for arrow in all_imports() if not is_ours(arrow.target)}
    used = {HALF_OF.get(module, module) for module in used}
    assert used - set(sys.stdlib_module_names) - declared == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_names_a_machine_of_ours(path: Path) -> None:
    """Paths of a workplace and package indexes belong in nobody's clone."""
    places = [f"/{name}/" for name in ("work", "root")] + ["index-" + "url", "find-" + "links"]
    options = [line for line in path.read_text(encoding="utf-8").splitlines() if "--no-emit-" not in line]
    assert [line for line in options for place in places if place in line] == []


# Sizes and names


@pytest.mark.parametrize("module", MODULES)
def test_a_function_fits_a_screen(module: str) -> None:
    tree = tree_of(module)
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [name for name in MODULES if ast.get_docstring(tree_of(name)) is None]
    assert silent == []


def test_a_room_introduces_itself_in_twenty_lines() -> None:
    packages = {name: path for name, path in MODULES.items() if path.name == "__init__.py"}
    lengths = {name: len((ast.get_docstring(tree_of(name)) or "").splitlines()) for name, path in packages.items()}
    assert {name: lines for name, lines in lengths.items() if lines > 20} == {}


def test_a_room_is_named_after_a_noun_of_the_domain() -> None:
    assert [name for name in MODULES if NOT_A_ROOM & set(name.split("."))] == []


def test_what_is_to_do_is_an_issue_and_not_a_comment() -> None:
    words = re.compile(
        r"#.*\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X")) + r")\b", re.IGNORECASE
    )
    assert [name for name, path in MODULES.items() if words.search(path.read_text(encoding="utf-8"))] == []


def test_memory_that_others_read_is_never_zeroed_on_the_way() -> None:
    """`pack_into` clears the place before it writes: another process sees a nought that nobody said."""
    ours = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items() if name.startswith("sbc.")}
    assert [name for name, text in ours.items() if "pack_into(" in text] == []


def test_only_the_outermost_guards_catch_everything() -> None:
    """A broad `except` hides our bugs, unless it raises again; the shell's guards count them and go on."""
    found = []
    for name in MODULES:
        for node in ast.walk(tree_of(name)):
            if isinstance(node, ast.ExceptHandler):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                is_broad = caught in {"Exception", "BaseException"} and not isinstance(node.body[-1], ast.Raise)
                if is_broad and name not in GUARDS:
                    found.append(f"{name}:{node.lineno}")
    assert found == []


# Docs that keep up with the code


def _table_keys(page: str, heading: str) -> set[str]:
    """The first column of the table under a heading, without backquotes."""
    section = page.partition(f"\n{heading}\n")[2]
    section = re.split(r"\n#+ ", section, maxsplit=1)[0]
    return {match[1] for match in re.finditer(r"^\| `([^`]+)` \|", section, re.MULTILINE)}


def test_operations_explains_every_reason_for_a_drop() -> None:
    assert _table_keys(text("docs/operations.md"), "### Dropped: `reason`") == {reason.value for reason in DropReason}


def test_operations_explains_every_reason_for_the_end_of_a_connection() -> None:
    reasons = {reason.value for reason in (*Ended, *NotTaken)}
    assert _table_keys(text("docs/operations.md"), "### Stream connections: `reason`") == reasons


def test_operations_explains_every_fault_of_a_message() -> None:
    assert _table_keys(text("docs/operations.md"), "### Malformed: `fault`") == {fault.value for fault in Fault}


def test_architecture_names_every_room_and_its_level() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| (\d) \|", text("docs/architecture.md"), re.MULTILINE))
    shown = {name.replace("/", "."): int(level) for name, level in rows.items()}
    assert shown == {room: level for room, level in LEVELS.items() if room != "sbc" and not room.endswith("__main__")}


def test_conformance_has_a_row_for_every_rfc_of_the_list(shared_dir: Path) -> None:
    """Left out is an answer; not mentioned is none."""
    listed = set()
    for line in (shared_dir / "reference" / "rfcs.md").read_text(encoding="utf-8").splitlines()[4:]:
        listed |= set(re.findall(r"\b\d{4}\b", line.split("|")[1]))
    answered = set(
        re.findall(r"\b\d{4}\b", " ".join(re.findall(r"^\| ([^|]+)\|", text("docs/conformance.md"), re.MULTILINE)))
    )
    assert listed - answered == set()


def test_rows_of_conformance_have_all_their_cells() -> None:
    """A row that lacks one says what is left out where the reader looks for what is done."""
    cells = 0
    for line in text("docs/conformance.md").splitlines():
        if line.startswith("| RFC |"):
            cells = line.count(" | ")
        elif line.startswith("|") and not line.startswith("| ---"):
            assert line.count(" | ") == cells, line[:60]


def _readme_block(opening: str) -> str:
    """The TOML block of the README that begins with this line."""
    blocks: list[str] = re.findall(r"^```toml\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if block.startswith(opening))


def test_the_readme_s_policy_is_valid_and_passes_its_own_tests(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(_readme_block("[policy]"), encoding="utf-8")
    document = load_document(tmp_path / "policy.toml")
    assert [result for result in run_tests(document) if not result.passed] == []


def test_the_readme_s_node_file_is_complete_and_valid(tmp_path: Path) -> None:
    """The interfaces stand for addresses here: what a machine of ours has differs."""
    node = _readme_block("[node]").replace(":eth0:", ":203.0.113.5:").replace(":eth1:", ":10.20.0.1:")
    (tmp_path / "policy.toml").write_text(_readme_block("[policy]"), encoding="utf-8")
    (tmp_path / "node.toml").write_text(node, encoding="utf-8")
    config = load_config(tmp_path / "node.toml")
    assert sorted(config.realms) == ["inside", "outside"]
    assert sorted(config.trunks) == ["carrier", "pbx"]


def test_the_changelog_has_the_version() -> None:
    assert f"## [{__version__}]" in text("CHANGELOG.md") or "## [Unreleased]" in text("CHANGELOG.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_capture_has_its_sidecar_and_every_sidecar_its_capture() -> None:
    folder = ROOT / "pcaps"
    captures = {path.stem for path in folder.iterdir() if path.suffix in {".pcap", ".pcapng"}}
    assert {path.stem for path in folder.glob("*.toml")} == captures


@pytest.mark.interop
def test_make_keeps_the_tests_of_a_file_on_one_worker(tmp_path: Path) -> None:
    """Those of a file share a rig, which two workers would set up twice at the same time."""
    found = re.search(r"^PYTEST := .* -m pytest (.*)$", text("Makefile"), re.MULTILINE)
    assert found
    options = found[1].replace("$(WORKERS)", "2").split()
    tests = "".join(
        f"def test_{n}(): print(os.environ['PYTEST_XDIST_WORKER'], file=open('{n}', 'w'))\n" for n in range(8)
    )
    (tmp_path / "test_one.py").write_text(f"import os\n{tests}", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *options, "--rootdir=.", "-c/dev/null", "-pno:cacheprovider"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=200)
    workers = [(tmp_path / str(n)).read_text(encoding="ascii") for n in range(8)]
    assert len(set(workers)) == 1
