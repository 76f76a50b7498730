"""The command line: `napari-iafpn segment | models | doctor | demo`."""

from __future__ import annotations

import sys
from io import TextIOWrapper

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 after one sentence on stderr.

    ``arguments`` are those after the program's name; None takes the process's own.
    """
    from napari_iafpn.cli.app import UsageError, app
    from napari_iafpn.cli.console import printable_warnings

    if isinstance(sys.stdout, TextIOWrapper):  # an encoding may lack a name's letters
        sys.stdout.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with printable_warnings():
            code = app(given or ["--help"], prog_name="napari-iafpn", standalone_mode=False)
    except UsageError as error:
        return _refuse(error.format_message())
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except MemoryError:
        return _refuse("this needs more memory than there is; give a smaller part of the image")
    except ValueError as error:
        return _refuse(str(error))
    return int(code or 0)


def _refuse(sentence: str) -> int:
    from napari_iafpn.cli.console import printable

    sys.stderr.write(f"napari-iafpn: {printable(' '.join(sentence.split()))}\n")
    return 2
