"""`napari-iafpn models` and `export-model`: the cards of models, and models for ONNX."""

from __future__ import annotations

import dataclasses
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.table import Table

from napari_iafpn.cli.console import plain_console
from napari_iafpn.networks import ModelCard, find_model, model_names

PACKAGE = Path(__file__).parent / "onnx_package"


def export_model(model: str, output: Path, *, overwrite: bool) -> None:
    """Write the graphs of a model, what they take, and an example into a folder."""
    from napari_iafpn.networks import find_model, load_cascade, read_card

    path = find_model(model)
    if find_spec("onnx") is None:
        raise ValueError(
            "writing ONNX needs a package that is not installed: pip install 'napari-iafpn[fast]'"
        )
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file; give the name of a folder")
    if output.is_dir() and any(output.iterdir()) and not overwrite:
        raise ValueError(f"{output} is not empty; give another folder or add --overwrite")
    cascade, card = load_cascade(path), read_card(path)

    from napari_iafpn.cli.bioimageio import describe
    from napari_iafpn.networks.graphs import write_graphs

    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        made = Path(folder)
        write_graphs(cascade, made)
        describe(cascade, card, made)
        described = {"config": cascade.config.to_dict(), "card": dataclasses.asdict(card)}
        (made / "model.json").write_text(json.dumps(described, indent=2), encoding="utf-8")
        for file in ("README.md", "example.py"):
            shutil.copyfile(PACKAGE / file, made / file)
        for name in ("coarse", "fine", "refiner"):  # of another model, which has other parts
            (output / f"{name}.onnx").unlink(missing_ok=True)
        for path_made in filter(Path.is_file, made.rglob("*")):
            place = output / path_made.relative_to(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            path_made.replace(place)
    plain_console().print(f"model: {output} (begin with README.md)")


def print_models() -> None:
    """Print name, file size, licence, training data and scores of every installed model."""
    from napari_iafpn.networks import read_card

    console = plain_console()
    for name in model_names():
        path = find_model(name)
        console.print(_card_table(name, path.stat().st_size, read_card(path)))


def _card_table(name: str, size: int, card: ModelCard) -> Table:
    table = Table(title=f"{name} ({size / 1e6:.1f} MB)", title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("description", card.description)
    table.add_row("licence", card.licence)
    for data in card.training_data:
        name, *rest = (data.get(key) or "unknown" for key in ("name", "licence", "source"))
        table.add_row("trained on", f"{name} ({'; '.join(rest)})")
    for dataset, scores in card.scores.items():
        numbers = ", ".join(f"{measure} {value:g}" for measure, value in scores.items())
        table.add_row(f"on {dataset}", numbers)
    for note in card.notes:
        table.add_row("note", note)
    return table
