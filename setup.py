"""The optional half of the build: with SBC_COMPILE=1 the hot rooms are compiled by mypyc from the same source.

Everything else is in pyproject.toml. Without the variable, without a compiler or with a module that mypyc refuses, the
pure Python install is complete: no behaviour may depend on which of the two it is. `sbc doctor` says which.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from glob import glob
from io import StringIO

from setuptools import Extension, setup

# Every room on a message's straight path, as design section 4 has it. One group: calls between them stay native.
HOT = [
    "sbc/wire.py",
    "sbc/wheel.py",
    "sbc/mint.py",
    "sbc/sip/*.py",
    "sbc/sdp/*.py",
    "sbc/transaction/*.py",
    "sbc/dialog/*.py",
    "sbc/topology/*.py",
    "sbc/topology/audit/*.py",
    "sbc/routing/*.py",
    "sbc/firewall/*.py",
    "sbc/media/*.py",
    "sbc/call/*.py",
    "sbc/snapshot.py",
    "sbc/trunks.py",
    "sbc/build.py",
    "sbc/views.py",
    "sbc/egress.py",
    "sbc/refusals.py",
    "sbc/admission.py",
    "sbc/probes.py",
    "sbc/engine.py",
]


# Commands of setuptools that build; the others only ask for metadata.
BUILDING = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}


def hot_modules() -> list[str]:
    """The files to compile; a room's `__init__` only names things and stays Python."""
    return [path for pattern in HOT for path in sorted(glob(pattern)) if not path.endswith("__init__.py")]


def compiled(modules: list[str]) -> tuple[list[Extension], str]:
    """What mypycify makes of them; or nothing, and its words about what it refuses."""
    from mypyc.build import mypycify

    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            made: list[Extension] = mypycify(["--strict", *modules], opt_level="3", group_name="sbc")
    except SystemExit as end:
        return [], f"{said.getvalue()}{end.code if isinstance(end.code, str) else ''}"
    return made, ""


def extensions() -> list[Extension]:
    """The compiled modules, or none. A module that is refused stays Python and the others are tried without it."""
    if os.environ.get("SBC_COMPILE") != "1" or not BUILDING & set(sys.argv):
        return []
    modules = hot_modules()
    try:
        while modules:
            made, said = compiled(modules)
            if made:
                for extension in made:
                    extension.optional = True
                return made
            refused = {line.partition(":")[0] for line in said.splitlines() if ": error: " in line} & set(modules)
            print(f"sbc: left as Python: {', '.join(sorted(refused)) or 'everything'}\n{said}", file=sys.stderr)
            modules = [path for path in modules if refused and path not in refused]
    except (ImportError, OSError) as error:
        print(f"sbc: not compiled, installing pure Python instead ({error})", file=sys.stderr)
    return []


setup(
    ext_modules=extensions(),
    # Read by pip before the build: mypy is fetched into the build environment only for a compiled install.
    setup_requires=["mypy>=2.4,<3"] if os.environ.get("SBC_COMPILE") == "1" else [],
)
