"""What the commands print to; nothing in a name or a file's text acts on the terminal."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment


def printable(text: str) -> str:
    r"""Return text with what a terminal would obey or not show as escapes, such as ``\x1b``.

    That are control characters, marks that turn the direction of writing, unusual spaces and bytes
    of a file name that are no UTF-8. Lines stay lines.
    """
    return "".join(
        each if each.isprintable() or each in "\n\u3000" else ascii(each)[1:-1] for each in text
    )


class PrintableConsole(Console):
    """A console that lets only its own control codes through."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, with all text `printable`."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def plain_console() -> Console:
    """Return a console that prints text as it is: file names may hold brackets and be long."""
    return PrintableConsole(highlight=False, markup=False, emoji=False, soft_wrap=True)


@contextmanager
def printable_warnings() -> Iterator[None]:
    """Show what libraries warn of as lines of `printable` text; they quote names as they are.

    tifffile is silent: what it logs about damaged files is told by the sentence that refuses them.
    """

    def show(message: Warning | str, *_: object, **__: object) -> None:
        sys.stderr.write(f"warning: {printable(' '.join(str(message).split()))}\n")

    logger = logging.getLogger("tifffile")
    level = logger.level
    with warnings.catch_warnings():
        warnings.showwarning = show
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
