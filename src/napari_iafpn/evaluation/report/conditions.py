"""What is summarised together: one model on one set in one view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_iafpn.evaluation.protocol import ObjectResult


@dataclass(frozen=True)
class Condition:
    """One model on one set in one view; ``view_scale`` None is the whole image."""

    model: str
    set: str
    view_scale: float | None = None

    @property
    def key(self) -> str:
        """What reports call set and view: ``NAME``, or ``NAME@view8``."""
        return self.set if self.view_scale is None else f"{self.set}@view{self.view_scale:g}"

    @property
    def view(self) -> str:
        """The view in words."""
        if self.view_scale is None:
            return "whole image"
        return f"{self.view_scale:g} x the object"


def condition_of(result: ObjectResult) -> Condition:
    """Return the condition that a result belongs to."""
    return Condition(result.model, result.set, result.view_scale)


def by_condition(
    objects: Iterable[ObjectResult],
) -> dict[Condition, tuple[ObjectResult, ...]]:
    """Group results by condition, both in the order in which they come."""
    groups = defaultdict(list)
    for result in objects:
        groups[condition_of(result)].append(result)
    return {condition: tuple(group) for condition, group in groups.items()}


def names_of(conditions: Iterable[Condition]) -> tuple[list[str], list[str]]:
    """Return the models and the keys of sets and views, each once, in their order."""
    conditions = list(conditions)
    models = dict.fromkeys(condition.model for condition in conditions)
    return list(models), list(dict.fromkeys(condition.key for condition in conditions))


def object_id(result: ObjectResult) -> str:
    """Return what tells the object from the others of its set."""
    return f"{result.image}:{result.label}"
