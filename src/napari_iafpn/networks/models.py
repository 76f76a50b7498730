"""The installed models and where they are."""

from __future__ import annotations

from pathlib import Path

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
