"""Give a trained model the sizes it was scored with and its scores, and ship it.

    python benchmarks/release.py RUN/default-fine.safetensors scores.json training/default.toml \
        --note "..."

``scores.json`` is what ``evaluate_val.py`` wrote for the same file. The model goes to the package's
weights under its own name, its card as text beside the recipes in training/.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path

import torch

from napari_iafpn.networks import ModelCard, load_cascade, read_config, save_cascade
from napari_iafpn.networks.models import WEIGHTS
from napari_iafpn.training.loop import card_of
from napari_iafpn.training.recipe import read_recipe

RECIPES = Path(__file__).parents[1] / "training"


def main() -> None:
    """Run the release from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--note", action="append", default=[], help="a known weakness; repeatable")
    options = parser.parse_args()
    scores = json.loads(options.scores.read_text())
    if not hashlib.sha256(options.model.read_bytes()).hexdigest().startswith(scores["weights"]):
        raise SystemExit(f"{options.scores} is not about {options.model}; evaluate that file")
    card = dataclasses.replace(
        card_of(read_recipe(options.recipe)), scores=table(scores), notes=tuple(options.note)
    )
    cascade = load_cascade(options.model)
    cascade.config = dataclasses.replace(
        read_config(options.model),
        **{key: scores[key] for key in ("coarse_size", "fine_size", "min_crop")},
    )
    shipped = WEIGHTS / f"{card.name}.safetensors"
    save_cascade(cascade, shipped, card, dtype=torch.float16)
    (RECIPES / f"{card.name}.md").write_text(as_text(card, shipped))
    print(f"{shipped.name}: {shipped.stat().st_size / 1e6:.1f} MB")


def table(scores: dict) -> dict[str, dict[str, float]]:
    """Return the card's scores: set -> numbers."""
    return {
        name: {
            "n": float(values["objects"]),
            **{f"NoC@{target}": round(noc, 2) for target, noc in values["noc"].items()},
            "NoF@90": float(values["failures"]),
            "mIoU@1": round(values["miou"]["1"], 3),
        }
        for name, values in scores["sets"].items()
    }


def as_text(card: ModelCard, shipped: Path) -> str:
    """Write the card in Markdown."""
    config = read_config(shipped)
    data = [f"| {d['name']} | {d['licence']} | {d['source']} |" for d in card.training_data]
    rows = [
        f"| {name} | {s['n']:.0f} | {s['NoC@80']:.2f} | {s['NoC@85']:.2f} | {s['NoC@90']:.2f} "
        f"| {s['NoF@90']:.0f} | {s['mIoU@1']:.3f} |"
        for name, s in card.scores.items()
    ]
    return "\n".join(
        [
            f"# Model card: {card.name}",
            "",
            card.description,
            "",
            f"- Licence: {card.licence}",
            f"- File: `{shipped.name}`, {shipped.stat().st_size / 1e6:.1f} MB, half precision",
            f"- Recipe: `training/{card.recipe}`, digest `{card.recipe_hash}`",
            f"- Inputs: coarse level {config.coarse_size} px, fine level {config.fine_size} px "
            "(long side)",
            "",
            "## Training data",
            "",
            "| set | licence | source |",
            "|---|---|---|",
            *data,
            "",
            "## Clicks",
            "",
            "Simulated user, at most 20 clicks, threshold 0.5, no flip averaging, the whole image",
            "as the view. NoC: mean number of clicks to 80, 85 and 90 % IoU (20 where never",
            "reached); NoF@90: objects that need 20 clicks or more; mIoU@1: after the first click.",
            "None of these images was trained on. Made by `benchmarks/evaluate_val.py`.",
            "",
            "| set | objects | NoC@80 | NoC@85 | NoC@90 | NoF@90 | mIoU@1 |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "## Known weaknesses",
            "",
            *(f"- {note}" for note in card.notes),
            "",
        ]
    )


if __name__ == "__main__":
    main()
