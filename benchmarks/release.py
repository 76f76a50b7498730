r"""Give a trained model its scores, and ship it.

    napari-iafpn evaluate DATA/SET ... --model RUN/default.safetensors --output EVALUATION
    python benchmarks/release.py RUN/default.safetensors training/default.toml \
        EVALUATION/results.json --note "..."

The model goes to the package's weights under its recipe's name, its card as text beside the recipes
in training/. Of a model that is shipped already only the text is written: new scores are no reason
to load every clone with the same weights once more.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from napari_iafpn.networks import ModelCard, load_cascade, read_config, save_cascade
from napari_iafpn.networks.models import WEIGHTS
from napari_iafpn.training.recipe import read_recipe
from napari_iafpn.training.stage import card_of

RECIPES = Path(__file__).parents[1] / "training"
MEASURES = ("NoC@80", "NoC@85", "NoC@90", "NoF@90", "mIoU@1")


def main() -> None:
    """Run the release from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("results", type=Path, nargs="+", metavar="results.json")
    parser.add_argument("--note", action="append", default=[], help="a known weakness; repeatable")
    options = parser.parse_args()
    evaluations = [json.loads(path.read_text()) for path in options.results]
    scores = {}
    for results in evaluations:
        scores |= table(results, evaluated_name(results, options.model))
    card = dataclasses.replace(
        card_of(read_recipe(options.recipe)),
        scores=scores,
        notes=tuple(options.note),
    )
    shipped = WEIGHTS / f"{card.name}.safetensors"
    if not (shipped.is_file() and options.model.samefile(shipped)):
        save_cascade(load_cascade(options.model), shipped, card, dtype=torch.float16)
    (RECIPES / f"{card.name}.md").write_text(as_text(card, shipped, evaluations[0]["about"]))
    print(f"{shipped.name}: {shipped.stat().st_size / 1e6:.1f} MB")


def evaluated_name(results: dict[str, Any], model: Path) -> str:
    """Return what the evaluation calls the model file."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    names = [name for name, known in results["about"]["models"].items() if known == digest]
    if not names:
        raise SystemExit(f"the evaluation is not about {model}; evaluate that file")
    return names[0]


def table(results: dict[str, Any], name: str) -> dict[str, dict[str, float]]:
    """Return the card's scores: set (and view) -> numbers."""
    intervals = results["about"]["intervals"][name]
    return {
        key: {
            "n": float(values["n"]),
            **{measure: round(values[measure], 3) for measure in MEASURES},
            "NoC@85 low": round(intervals[key]["NoC@85"][0], 2),
            "NoC@85 high": round(intervals[key]["NoC@85"][1], 2),
        }
        for key, values in results[name].items()
    }


def as_text(card: ModelCard, shipped: Path, about: dict[str, Any]) -> str:
    """Write the card in Markdown."""
    config = read_config(shipped)
    data = [f"| {d['name']} | {d['licence']} | {d['source']} |" for d in card.training_data]
    rows = [
        f"| {name} | {s['n']:.0f} | {s['NoC@80']:.2f} | {s['NoC@85']:.2f} "
        f"({s['NoC@85 low']:.1f} to {s['NoC@85 high']:.1f}) | {s['NoC@90']:.2f} "
        f"| {s['NoF@90']:.0f} | {s['mIoU@1']:.3f} |"
        for name, s in card.scores.items()
    ]
    options = about["options"]
    most = options["max_clicks"]
    flip = "on" if options["flip"] else "off"
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
            f"Simulated user, preset `{options['preset']}`: at most {most} clicks, threshold",
            f"{options['threshold']}, flip averaging {flip}. NoC: mean number of clicks to 80, 85",
            "(with its 95 % interval) and 90 % IoU; an object that never gets there counts as",
            f"{most}. NoF@90: objects that need {most} clicks or more; mIoU@1: after the first",
            "click. `@view8`: the model is shown eight times the object's longer side, as when",
            "zoomed in; without it the whole image. None of these images was trained on.",
            "Made by `napari-iafpn evaluate`.",
            "",
            "| set | objects | NoC@80 | NoC@85 | NoC@90 | NoF@90 | mIoU@1 |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "## Known weaknesses",
            "",
            *(f"- {note}" for note in card.notes),
            "",
            f"![Objects of each set that were hard](../docs/images/weaknesses_{card.name}.jpg)",
            "",
            "The hardest of some objects of each set, clicked to 90 % IoU at most 20 times: truth",
            "blue, mask orange, clicks white. Made by `benchmarks/weaknesses.py`.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
