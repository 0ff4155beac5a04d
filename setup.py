"""The optional half of the build: mypyc compiles the hot rooms, from the same source, where there is a C compiler.

Everything else is in pyproject.toml. `pip install .` compiles; an editable install does not, for its compiled modules
would hide the sources that somebody is about to edit. SBC_COMPILE=1 compiles there too, SBC_COMPILE=0 nowhere. Without
a compiler or with a module that mypyc refuses, the pure Python install is complete: no behaviour may depend on which of
the two it is. `sbc doctor` says which.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from glob import glob
from io import StringIO

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Every room on a message's straight path, as design section 4 has it. One group: calls between them stay native.
HOT = [
    "sbc/wire.py",
    "sbc/octets.py",
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
    "sbc/contents.py",
    "sbc/redirects.py",
    "sbc/snapshot.py",
    "sbc/adoption/*.py",
    "sbc/trunks.py",
    "sbc/waiting.py",
    "sbc/locating.py",
    "sbc/naming.py",
    "sbc/digest.py",
    "sbc/credentials.py",
    "sbc/registrations.py",
    "sbc/build.py",
    "sbc/views.py",
    "sbc/lingering.py",
    "sbc/aliases.py",
    "sbc/detours.py",
    "sbc/reach.py",
    "sbc/replies.py",
    "sbc/requests.py",
    "sbc/egress.py",
    "sbc/inspection.py",
    "sbc/placement.py",
    "sbc/steering.py",
    "sbc/refusals.py",
    "sbc/admission.py",
    "sbc/probes.py",
    "sbc/keepalive.py",
    "sbc/reception.py",
    "sbc/engine.py",
    "sbc/outputs.py",
    "sbc/worker.py",
    "sbc/crew/ring.py",
    "sbc/supervisor/steersman.py",
    "sbc/transport/poller.py",
    "sbc/transport/udp.py",
    "sbc/transport/transports.py",
    "sbc/telemetry/*.py",
]

# Of these rooms, what runs at start or once in a while: each file costs a second or two to compile and gains nothing.
COLD = {
    "sbc/adoption/adopt.py",
    "sbc/adoption/moved.py",
    "sbc/media/errors.py",
    "sbc/sip/auth.py",
    "sbc/sip/diversion.py",
    "sbc/sip/history_info.py",
    "sbc/sip/identity.py",
    "sbc/sip/privacy.py",
    "sbc/sip/reason_value.py",
    "sbc/sip/retry_after.py",
    "sbc/sip/session_id.py",
    "sbc/sip/user_to_user.py",
    "sbc/sip/warning.py",
    "sbc/topology/audit/clean.py",
    "sbc/topology/audit/vocabulary.py",
    "sbc/topology/checklist.py",
    "sbc/topology/page.py",
    "sbc/topology/rows.py",
    "sbc/topology/services.py",
    "sbc/topology/sdp_table.py",
}

# Measured (docs/performance.md): -O2 in one file for all takes half as long again, for one instruction in a hundred.
OPTIMISATION = "1"

# The rooms call one another within one library: nobody else may take a function's place, so calls and data need no
# table to go through. A tenth of the engine's time where caches are cold.
ONE_LIBRARY = ["-fvisibility=hidden", "-fno-plt"]

# Commands of setuptools that build; the others only ask for metadata.
BUILDING = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}


def wanted() -> bool:
    """Whether to compile: as SBC_COMPILE says, else wherever a C compiler and the headers of Python are."""
    said = os.environ.get("SBC_COMPILE", "")
    if said in ("0", "1"):
        return said == "1"
    headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
    return headers and "editable_wheel" not in sys.argv and any(map(shutil.which, ("cc", "gcc", "clang")))


def hot_modules() -> list[str]:
    """The files to compile; a room's `__init__` only names things and stays Python."""
    found = [path for pattern in HOT for path in sorted(glob(pattern)) if not path.endswith("__init__.py")]
    return [path for path in found if path not in COLD]


def compiled(modules: list[str]) -> tuple[list[Extension], str]:
    """What mypycify makes of them; or nothing, and its words about what it refuses."""
    from mypyc.build import mypycify

    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            made: list[Extension] = mypycify(
                ["--strict", *modules], opt_level=OPTIMISATION, debug_level="0", multi_file=True, group_name="sbc"
            )
    except SystemExit as end:
        return [], f"{said.getvalue()}{end.code if isinstance(end.code, str) else ''}"
    return made, ""


def extensions() -> list[Extension]:
    """The compiled modules, or none. A module that is refused stays Python and the others are tried without it."""
    if not wanted() or not BUILDING & set(sys.argv):
        return []
    modules = hot_modules()
    try:
        while modules:
            made, said = compiled(modules)
            if made:
                for extension in made:
                    extension.optional = True
                    # What gcc takes for uninitialised in generated code is no reason to do without.
                    extension.extra_compile_args += ["-Wno-error", *ONE_LIBRARY]
                return made
            refused = {line.partition(":")[0] for line in said.splitlines() if ": error: " in line} & set(modules)
            print(f"sbc: left as Python: {', '.join(sorted(refused)) or 'everything'}\n{said}", file=sys.stderr)
            modules = [path for path in modules if refused and path not in refused]
    except (ImportError, OSError) as error:
        print(f"sbc: not compiled, installing pure Python instead ({error})", file=sys.stderr)
    return []


class ParallelBuild(build_ext):
    """Compiles the C files of the one large extension beside each other; `parallel` does so with the small ones."""

    def build_extensions(self) -> None:
        """Hand the compiler one file at a time, from several threads."""
        one_by_one: Callable[..., list[str]] = self.compiler.compile

        def compile_together(sources: Sequence[str], *arguments: object, **options: object) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                made = list(pool.map(lambda source: one_by_one([source], *arguments, **options), sources))
            return [path for paths in made for path in paths]

        self.compiler.compile = compile_together
        super().build_extensions()
        made = [self.get_ext_fullpath(extension.name) for extension in self.extensions]
        if not all(map(os.path.exists, made)):
            # The modules lean on one another: of a build that failed in one place nothing may be left to be imported.
            print("sbc: not compiled, installing pure Python instead (the compiler failed)", file=sys.stderr)
            for path in filter(os.path.exists, made):
                os.remove(path)


setup(
    cmdclass={"build_ext": ParallelBuild},
    options={"build_ext": {"parallel": os.cpu_count()}},
    ext_modules=extensions(),
    # Read by pip before the build: mypy is fetched into the build environment only for a compiled install.
    setup_requires=["mypy>=2.4,<3"] if wanted() else [],
)
