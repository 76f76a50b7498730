"""The prompts on one object, in their order, and the kinds that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_iafpn.prompts.box_prompt import BoxPrompt
from napari_iafpn.prompts.click import Click
from napari_iafpn.prompts.prompt import Prompt
from napari_iafpn.prompts.stroke import Stroke

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


@dataclass(frozen=True, slots=True)
class Prompts:
    """Prompts on one object in the order they were made; every change returns a new sequence."""

    prompts: tuple[Prompt, ...] = ()

    @classmethod
    def of(cls, prompts: Iterable[Prompt]) -> Prompts:
        """Collect ``prompts`` in their order."""
        return prompts if isinstance(prompts, cls) else cls(tuple(prompts))

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    def __getitem__(self, index: int) -> Prompt:
        return self.prompts[index]

    def prefix(self, count: int) -> Prompts:
        """Return the first ``count`` prompts."""
        return Prompts(self.prompts[:count])

    def add(self, prompt: Prompt) -> Prompts:
        """Append ``prompt``."""
        return Prompts((*self.prompts, prompt))

    def move(self, index: int, row: float, col: float) -> Prompts:
        """Put the click at ``index`` elsewhere; its sign and its place in the order stay."""
        return self._changed(index, replace(self._click(index), row=row, col=col))

    def remove(self, index: int) -> Prompts:
        """Drop the prompt at ``index``."""
        self._check_index(index)
        return Prompts(self.prompts[:index] + self.prompts[index + 1 :])

    def flip(self, index: int) -> Prompts:
        """Change the sign of the click at ``index``."""
        click = self._click(index)
        return self._changed(index, replace(click, positive=not click.positive))

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The prompts that are clicks."""
        return tuple(prompt for prompt in self.prompts if isinstance(prompt, Click))

    @property
    def counted(self) -> str:
        """How many there are of each kind, such as ``1 box, 2 clicks``."""
        kinds = Counter(prompt.kind for prompt in self.prompts)
        plural = {kind: "es" if kind.endswith("x") else "s" for kind in kinds}
        parts = (f"{n} {kind}{plural[kind] * (n != 1)}" for kind, n in kinds.items())
        return ", ".join(parts) or "0 clicks"

    @property
    def positives(self) -> tuple[Click, ...]:
        """The clicks that belong to the object."""
        return tuple(click for click in self.clicks if click.positive)

    @property
    def negatives(self) -> tuple[Click, ...]:
        """The clicks that do not belong to the object."""
        return tuple(click for click in self.clicks if not click.positive)

    @property
    def effort(self) -> int:
        """What the prompts cost the user, in clicks."""
        return sum(prompt.effort for prompt in self.prompts)

    def _changed(self, index: int, prompt: Prompt) -> Prompts:
        return Prompts((*self.prompts[:index], prompt, *self.prompts[index + 1 :]))

    def _click(self, index: int) -> Click:
        self._check_index(index)
        found = self.prompts[index]
        if not isinstance(found, Click):
            raise ValueError(f"prompt {index} is a {found.kind}, not a click; draw it anew")
        return found

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self.prompts):
            raise ValueError(f"there is no click {index}; this object has {len(self.prompts)}")
