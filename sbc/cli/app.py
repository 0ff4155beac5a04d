"""The `sbc` command, put together from its verbs."""

from __future__ import annotations

from typing import Annotated

import typer

import sbc
from sbc.cli import calls, check, doctor, media, node, run, trace, trunks

app = typer.Typer(
    name="sbc",
    help="A session border controller: SIP calls through, nothing of either side to the other.",
    epilog="First steps: `sbc run` in one terminal, `sbc status` in another. `sbc COMMAND --help` has an example each.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sbc {sbc.__version__}")
        raise typer.Exit(0)


@app.callback()
def _all(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What holds for every command."""


for module in (run, check, node, calls, trunks, media, trace, doctor):
    module.add_to(app)
