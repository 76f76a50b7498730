"""`napari-iafpn demo`: the whole job on a bundled image, without a window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from napari_iafpn.cli.console import plain_console
from napari_iafpn.cli.outputs import check_results, write_output
from napari_iafpn.cli.pictures import encode_mask
from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels

if TYPE_CHECKING:
    from napari_iafpn.evaluation import Annotation


def run_demo(
    sample: str, folder: Path, model: str, device: str, *, overwrite: bool = False
) -> None:
    """Click one object of a sample as a simulated user; write its mask and a picture of it."""
    from napari_iafpn.cli.pictures import draw_overlay
    from napari_iafpn.evaluation import Protocol, annotate
    from napari_iafpn.images import Plane
    from napari_iafpn.inference import ClickReplay, Predictor

    plane, labels = Plane(load_image(sample)), load_labels(sample)
    mask_file, overlay_file = folder / f"{sample}_mask.tif", folder / f"{sample}_overlay.png"
    check_results(folder, (mask_file.name, overlay_file.name), overwrite=overwrite)
    replay = ClickReplay(Predictor.load(model, device=device), plane)
    result = annotate(
        lambda clicks: replay.predict(clicks).probability,
        labels == labels[SAMPLES[sample].click],
        protocol=Protocol(max_clicks=5, target=0.9),
    )
    last = replay.predict(result.clicks)

    folder.mkdir(parents=True, exist_ok=True)
    write_output(mask_file, encode_mask(last.mask(), ".tif"))
    write_output(overlay_file, draw_overlay(plane, last.mask(), result.clicks))

    console = plain_console()
    console.print(_clicks_table(SAMPLES[sample].title, result))
    console.print(f"mask: {mask_file.resolve()}")
    console.print(f"overlay: {overlay_file.resolve()}")
    count = len(result.clicks)
    console.print(
        f"IoU {result.ious[-1]:.3f} with the truth after {count} click(s), "
        f"{sum(result.network_seconds) / count:.3f} seconds per click on {last.device}"
    )


def _clicks_table(title: str, result: Annotation) -> Table:
    table = Table("click", "row", "column", "on the object", "IoU", "seconds", title=title)
    for count, (click, iou, seconds) in enumerate(
        zip(result.clicks, result.ious, result.network_seconds, strict=True), start=1
    ):
        place = (f"{click.row:g}", f"{click.col:g}", "yes" if click.positive else "no")
        table.add_row(str(count), *place, f"{iou:.3f}", f"{seconds:.3f}")
    return table
