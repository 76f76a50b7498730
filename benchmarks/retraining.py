"""What retraining gains on objects that a model has never seen, and what it costs elsewhere.

    python benchmarks/retraining.py DATA --without dsb2018 axon --images dsb2018_train \
        --validate dsb2018_val60 emps_val60 --output RUN

The default recipe is trained without the sets whose names begin so, briefly; the bundled replay set
loses them too. The result is retrained on 5 and on 20 images of one of the sets that were left out,
and the clicks of all models are counted on the sets to validate on. With ``--model MODEL`` in place
of ``--without`` a model that is there already is retrained. Everything that is in RUN already is
not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
from pathlib import Path

from napari_iafpn.cli import main as command
from napari_iafpn.training import forgetting
from napari_iafpn.training.finetuning import FinetuneRequest, finetune, levels
from napari_iafpn.training.forgetting import OLD_SHARE
from napari_iafpn.training.recipe import Recipe, read_recipe
from napari_iafpn.training.train import train

RECIPE = Path(__file__).parents[1] / "training" / "default.toml"


def main() -> None:
    """Train, retrain, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--without", nargs="+", metavar="SET", help="trained without these")
    start.add_argument("--model", help="retrain this one")
    parser.add_argument("--images", required=True, metavar="SET", help="retrained on this one")
    parser.add_argument("--validate", nargs="+", required=True, metavar="SET")
    parser.add_argument("--output", type=Path, required=True, metavar="RUN")
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 20], help="of images")
    parser.add_argument("--minutes", type=float, default=20.0, help="of each retraining")
    parser.add_argument("--old-share", type=float, default=OLD_SHARE, help="of each new weight")
    parser.add_argument("--steps", type=int, nargs=2, default=[380, 160], help="coarse and fine")
    parser.add_argument("--limit", type=int, help="objects of each set to validate on")
    parser.add_argument("--jobs", type=int, default=1, help="processes that count clicks")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    levels.OLD_SHARE = options.old_share
    base = options.model or str(trained(options))
    models = [base]
    for count in options.counts:
        images = some(options.data / options.images, count, options.output / f"images-{count}")
        output = options.output / f"retrained-{count}.safetensors"
        models.append(str(output))
        if not output.exists():
            folders = images / "images", images / "labels"
            request = FinetuneRequest(*folders, output, base, options.minutes)
            print(finetune(request).sentence, flush=True)
    limit = [] if options.limit is None else ["--limit", str(options.limit)]
    command(
        [
            "evaluate",
            *(str(options.data / name) for name in options.validate),
            *(word for model in models for word in ("--model", model)),
            *("--output", str(options.output / "clicks"), "--jobs", str(options.jobs), *limit),
        ]
    )


def trained(options: argparse.Namespace) -> Path:
    """Train the default recipe without the sets, which the bundled replay set loses too."""
    forgetting.FOLDER = without_kinds(forgetting.FOLDER, options.output / "replay", options.without)
    recipe = reduced(read_recipe(RECIPE), options.without, options.steps, options.data)
    model = options.output / f"{recipe.name}-fine.safetensors"
    if not model.exists():
        train(recipe, options.data, options.output, resume=True, announce=print)
    return model


def reduced(recipe: Recipe, without: list[str], steps: list[int], data: Path) -> Recipe:
    """Return the recipe with fewer steps, and without some sets and those that DATA lacks.

    It begins with ImageNet's weights, since a model to go on from has seen those sets, and has no
    refiner.
    """
    sets = [
        images
        for images in recipe.sets
        if not images.name.startswith(tuple(without)) and (data / images.place).is_dir()
    ]
    coarse, fine = (
        dataclasses.replace(stage, steps=count)
        for stage, count in zip((recipe.coarse, recipe.fine), steps, strict=True)
    )
    name = "without-" + "-".join(without)
    return dataclasses.replace(
        recipe,
        name=name,
        sets=tuple(sets),
        model=dataclasses.replace(recipe.model, refiner=0),
        coarse=coarse,
        fine=fine,
        refiner=None,
        start="",
        start_share=0.0,
    )


def without_kinds(folder: Path, copy: Path, without: list[str]) -> Path:
    """Return a copy of the replay set without kinds, whose files are named ``KIND_00``."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    for path in [path for path in copy.rglob("*") if path.is_file()]:
        if any(kind.startswith(path.name.split("_")[0]) for kind in without):
            path.unlink()
    return copy


def some(source: Path, count: int, folder: Path) -> Path:
    """Copy evenly spaced images of a set, with their labels."""
    images = sorted((source / "images").iterdir())
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for place in range(count):
        image = images[(2 * place + 1) * len(images) // (2 * count)]
        shutil.copy(image, folder / "images")
        for label in (source / "labels").glob(f"{image.stem}.*"):
            shutil.copy(label, folder / "labels")
    return folder


if __name__ == "__main__":
    main()
