"""The state directory: made where it is missing, and what to do where it, or a file in it, cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_REMEDY = "`sbc run --state DIR` names another directory"


class StateError(OSError):
    """The state directory, or a file in it, cannot be used; the text names it and says what to do."""


def make_state(state: Path) -> None:
    """Make the directory where it is missing. Raises StateError."""
    with naming(state):
        state.mkdir(parents=True, exist_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What the system says of `path` in here is raised as StateError, with its name and the remedy."""
    try:
        yield
    except StateError:
        raise
    except OSError as error:
        raise StateError(f"state {path}: {error.strerror or error}; {_REMEDY}") from error
