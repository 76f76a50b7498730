"""The kinds of prompts by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_iafpn.clicks.box_prompt import BoxPrompt
from napari_iafpn.clicks.click import Click
from napari_iafpn.clicks.prompt import Prompt
from napari_iafpn.clicks.stroke import Stroke

KINDS: dict[str, type[Click] | type[BoxPrompt] | type[Stroke]] = {
    kind.kind: kind for kind in (Click, BoxPrompt, Stroke)
}
DRAWN: dict[str, type[BoxPrompt] | type[Stroke]] = {kind.kind: kind for kind in (BoxPrompt, Stroke)}
"""Those that are dragged on the canvas: the tools of the window."""


def prompt_from_json(values: Mapping[str, Any]) -> Prompt:
    """Return the prompt that ``to_json`` was called on.

    Raises
    ------
    ValueError
        Where the values are of no known kind, or not as that kind writes them.
    """
    for name, kind in KINDS.items():
        if name in values:
            try:
                return kind.from_json(values)
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{dict(values)!r} is no {name}; it cannot be read") from error
    raise ValueError(f"{dict(values)!r} is no prompt; the known kinds are {', '.join(KINDS)}")
