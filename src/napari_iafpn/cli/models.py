"""`napari-iafpn models`: the cards of the installed models."""

from __future__ import annotations

from rich.table import Table

from napari_iafpn.cli.console import plain_console
from napari_iafpn.networks import ModelCard, find_model, model_names


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
