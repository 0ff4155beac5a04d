"""`python -m sbc`: the command line."""

from __future__ import annotations

from sbc.cli import main

if __name__ == "__main__":
    main()
