"""The installed models: where they are, and what their cards tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

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


WEIGHTS = Path(__file__).parent / "weights"


def model_names() -> list[str]:
    """Return the names of the shipped models, the default one first."""
    names = sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))
    return sorted(names, key=lambda name: name != "default")


def find_model(model: str | Path) -> Path:
    """Return the file of a shipped model's name or of a path; ValueError where there is none."""
    shipped = WEIGHTS / f"{model}.safetensors"
    if shipped.is_file():
        return shipped
    path = Path(model)
    if path.is_file():
        return path
    if str(model) and path.is_dir():
        raise ValueError(f"{path} is a folder; give the .safetensors file of a model")
    raise ValueError(
        f"there is no model {str(model)!r}; give a file or one of {', '.join(model_names())}"
    )
