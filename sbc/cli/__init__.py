"""The command line: arguments and printing only; one file a verb group.

Importing this must stay cheap (typer and the standard library): what a command needs it imports when it runs. Exit
codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

import sys


def main() -> None:
    """The console script's entry. A Ctrl-C while the verbs are still being imported ends as one later does."""
    try:
        from sbc.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
