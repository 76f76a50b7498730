"""A trained cascade as a model file with its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from napari_iafpn.networks import ModelCard, save_cascade
from napari_iafpn.networks.cascade import Cascade
from napari_iafpn.training.recipe import Recipe


def export(
    cascade: Cascade,
    recipe: Recipe,
    path: Path,
    scores: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Write the model in half precision with its card."""
    save_cascade(cascade, path, card_of(recipe, scores), dtype=torch.float16)


def card_of(recipe: Recipe, scores: Mapping[str, Mapping[str, float]] | None = None) -> ModelCard:
    """Return the card of a model that was trained by ``recipe``; ``scores`` as in ``ModelCard``."""
    return ModelCard(
        name=recipe.name,
        description=recipe.description,
        licence=recipe.licence,
        training_data=tuple(
            {"name": s.name, "licence": s.licence, "source": s.source} for s in recipe.sets
        ),
        recipe=f"{recipe.name}.toml",
        recipe_hash=recipe.digest,
        scores={name: dict(values) for name, values in (scores or {}).items()},
    )
