"""What a model saw, under which licences, and how it scores."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_iafpn.networks.tables import Real, checked


@checked
@dataclass(frozen=True)
class ModelCard:
    """The story of a checkpoint, stored in its header.

    ``training_data`` lists ``{"name", "licence", "source"}``; ``scores`` maps a set's name to its
    numbers, for example ``{"dsb2018_val60": {"n": 180, "NoC@80": 2.5}}``.
    """

    name: str = "unnamed"
    description: str = ""
    licence: str = ""
    training_data: tuple[dict[str, str], ...] = ()
    recipe: str = ""
    recipe_hash: str = ""
    scores: dict[str, dict[str, Real]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
