"""The node as `pip install .` leaves it on a machine with a C compiler: what operators run, and so what is measured."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
_SOURCES: Final = ("sbc", "policies", "rtpengine")
_KEPT: Final = 2
CACHE: Final = REPOSITORY / ".sbc" / "bench"


def run_installed() -> str:
    """Have nodes that are started from now on be of the compiled install, where one can be; in words what they are."""
    install = compiled_install(CACHE)
    os.environ["PYTHONSAFEPATH"] = "1"  # `-m` finds nothing in the directory that we are in
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, (install, REPOSITORY))))
    return "compiled, as installed where there is a C compiler" if install else "pure Python, nothing compiled it"


def compiled_install(cache: Path) -> Path | None:
    """For PYTHONPATH: the compiled install of these sources, made on first use; None where it cannot be."""
    place = cache / f"compiled-{_fingerprint()}"
    if (place / "sbc").is_dir():
        return place if _is_compiled(place) else None
    if shutil.which("cc") is None and shutil.which("gcc") is None:
        return None
    print("compiling the node, once for these sources: a minute or two ...", file=sys.stderr)
    cache.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    argv = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(fresh), str(REPOSITORY)]
    try:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"SBC_COMPILE": "1"}
        subprocess.run(argv, check=True, capture_output=True, timeout=900, env=environment)
    except (OSError, subprocess.SubprocessError):
        return None
    finally:
        shutil.rmtree(REPOSITORY / "build", ignore_errors=True)
    fresh.rename(place)
    _forget(cache)
    return place if _is_compiled(place) else None


def _is_compiled(place: Path) -> bool:
    return any((place / "sbc").glob("engine.*.so"))


def _fingerprint() -> str:
    """Changes with every source file and with the Python that compiled it."""
    digest = hashlib.sha256(sys.version.encode())
    for path in [REPOSITORY / "setup.py", *sorted(p for room in _SOURCES for p in (REPOSITORY / room).rglob("*.py"))]:
        digest.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _forget(cache: Path) -> None:
    """Earlier sources' installs, but the newest few."""
    made = sorted(cache.glob("compiled-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in made[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
