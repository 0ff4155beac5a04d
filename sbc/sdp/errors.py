"""What is wrong with a session description, and in which line."""

from __future__ import annotations

from typing import Final


class SdpError(ValueError):
    """The body does not follow RFC 8866 or our limits; a request that carries it deserves 488 (or 400).

    `line` counts from 1; 0 where no single line is to blame.
    """

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(f"{text} (line {line})" if line else text)
        self.line: Final = line
