"""The command line: arguments and printing only; one file a verb group.

Importing this must stay cheap (typer and the standard library): what a command needs it imports when it runs. Exit
codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

from sbc.cli.app import app, main

__all__ = ["app", "main"]
