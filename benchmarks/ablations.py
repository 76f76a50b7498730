"""What each part of the method is worth: trained without it, at a small scale, from several seeds.

    python benchmarks/ablations.py DATA --validate VAL/dsb2018_val60 VAL/emps_val60 --output RUN

The variants are those of the paper's table 3, one without HSGM, and one with a fine level that
remembers its last mask. Each is the default recipe from ImageNet's weights with small inputs and
few steps, as many for a level alone as for two levels together. Everything that is in RUN already
is not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_iafpn.cli import main as command
from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.training.recipe import Recipe, read_recipe
from napari_iafpn.training.train import train

RECIPE = Path(__file__).parents[1] / "training" / "default.toml"
TARGETS = (80, 85, 90)


@dataclass(frozen=True)
class Variant:
    """What a cascade has of the method's parts."""

    propagation: str
    iaf: bool
    memory: float = 0.0

    def model(self, base: CascadeConfig, size: int) -> CascadeConfig:
        """Return the networks, with inputs of ``size``."""
        level = dataclasses.replace(base.coarse, propagation=self.propagation)
        return dataclasses.replace(
            base,
            coarse=level,
            fine=level if self.iaf else None,
            coarse_size=size,
            fine_size=size,
            memory=self.memory,
            refiner=0,
        )


VARIANTS = {
    "baseline": Variant("none", iaf=False),
    "fpm": Variant("sgm+hsgm", iaf=False),
    "iaf": Variant("none", iaf=True),
    "fpm+iaf": Variant("sgm+hsgm", iaf=True),
    "sgm+iaf": Variant("sgm", iaf=True),
    "fpm+iaf+memory": Variant("sgm+hsgm", iaf=True, memory=0.5),
}


def main() -> None:
    """Train the variants, count clicks, print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--validate", type=Path, nargs="+", required=True, metavar="SET")
    parser.add_argument("--output", type=Path, required=True, metavar="RUN")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=300, help="of both levels together")
    parser.add_argument("--size", type=int, default=160, help="of the inputs, in pixels")
    parser.add_argument("--limit", type=int, default=24, help="objects of each set")
    parser.add_argument("--jobs", type=int, default=1, help="processes that count clicks")
    options = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {}
    for seed in options.seeds:
        for name in options.variants:
            recipe = ablated(read_recipe(RECIPE), name, seed, options.steps, options.size)
            output = options.output / recipe.name
            model = output / f"{recipe.name}-{list(recipe.stages)[-1]}.safetensors"
            if not model.exists():
                print(f"training {recipe.name}", flush=True)
                train(recipe, options.data, output, resume=True)
            results.setdefault(name, []).append(count_clicks(model, output / "clicks", options))
    print_table(results)


def count_clicks(model: Path, output: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of a model on each set, which go into ``output``."""
    code = command(
        [
            "evaluate",
            *map(str, options.validate),
            *("--model", str(model), "--output", str(output)),
            *("--jobs", str(options.jobs), "--limit", str(options.limit)),
        ]
    )
    if code:
        raise SystemExit(code)
    scores: dict[str, Any] = json.loads((output / "results.json").read_text())[model.stem]
    return scores


def ablated(recipe: Recipe, name: str, seed: int, steps: int, size: int) -> Recipe:
    """Return the recipe of a variant."""
    model = VARIANTS[name].model(recipe.model, size)
    share = {"steps": steps if model.fine is None else steps // 2}
    inputs = {"size": size, "warmup_size": size, "learning_rate": 1e-3}
    return dataclasses.replace(
        recipe,
        name=f"{name}-{seed}",
        seed=seed,
        model=model,
        coarse=dataclasses.replace(recipe.coarse, **share, **inputs),
        fine=None if model.fine is None else dataclasses.replace(recipe.fine, **share, **inputs),
        start="",
        start_share=0.0,
        refiner=None,
    )


def print_table(results: dict[str, list[dict[str, Any]]]) -> None:
    """Print the clicks, averaged over the sets; beside the mean of the seeds their range."""
    print("| variant | " + " | ".join(f"clicks to {target} %" for target in TARGETS) + " |")
    print("|---" * (1 + len(TARGETS)) + "|")
    for name, of_seeds in results.items():
        cells = []
        for target in TARGETS:
            means = [
                np.mean([scores[f"NoC@{target}"] for scores in sets.values()]) for sets in of_seeds
            ]
            spread = f" ({min(means):.2f} to {max(means):.2f})" if len(means) > 1 else ""
            cells.append(f"{np.mean(means):.2f}{spread}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
