"""The optional half of the build: with SBC_COMPILE=1 the hot rooms are compiled by mypyc from the same source.

Everything else is in pyproject.toml. Without the variable, without a compiler or with a module that mypyc refuses, the
pure Python install is complete: no behaviour may depend on which of the two it is. `sbc doctor` says which.
"""

from __future__ import annotations

import os
import sys
from glob import glob

from setuptools import Extension, setup

# Every room on a message's straight path, as design section 4 has it. One group: calls between them stay native.
HOT = [
    "sbc/wire.py",
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
    "sbc/engine.py",
]


def hot_modules() -> list[str]:
    """The files to compile; a room's `__init__` only names things and stays Python."""
    return [path for pattern in HOT for path in sorted(glob(pattern)) if not path.endswith("__init__.py")]


def extensions() -> list[Extension]:
    """The compiled modules, or none: whatever stands in the way is said in one line and the install goes on."""
    if os.environ.get("SBC_COMPILE") != "1":
        return []
    try:
        from mypyc.build import mypycify

        modules: list[Extension] = mypycify(["--strict", *hot_modules()], opt_level="3", group_name="sbc")
    except (ImportError, OSError, SystemExit) as error:
        print(f"sbc: not compiled, installing pure Python instead ({error})", file=sys.stderr)
        return []
    for module in modules:
        module.optional = True
    return modules


setup(
    ext_modules=extensions(),
    # Read by pip before the build: mypy is fetched into the build environment only for a compiled install.
    setup_requires=["mypy>=2.4,<3"] if os.environ.get("SBC_COMPILE") == "1" else [],
)
