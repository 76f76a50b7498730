"""What the commands print to."""

from __future__ import annotations

from rich.console import Console


def plain_console() -> Console:
    """Return a console that prints text as it is: file names may hold brackets and be long."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
