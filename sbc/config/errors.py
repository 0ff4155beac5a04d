"""What is wrong with a node file, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policies import Finding


class ConfigError(ValueError):
    """The configuration cannot be run. `findings` holds everything that is wrong, file by file
    from the top.

    Not for what only the running machine can say, such as a port in use: that is an OSError at the start.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        told = list(findings)
        files = list(dict.fromkeys([finding.file for finding in told]))
        self.findings: Final = tuple(sorted(told, key=lambda finding: (files.index(finding.file), finding.line)))
        super().__init__("\n".join([str(finding) for finding in self.findings]))
