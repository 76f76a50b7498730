"""The commands: each parses its arguments and makes one call; all heavy imports wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# The base of typer's usage errors: click's class, or that of the copy of click in newer versions.
UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="napari-iafpn",
    help="Click on an object in an image and get its mask.",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Model = Annotated[
    str, typer.Option(help="Name of an installed model (see [bold]models[/bold]) or a model file.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="PNG, TIFF, JPEG, WebP or NPY; one plane.")],
    click: Annotated[
        list[str],
        typer.Option(
            metavar="ROW,COL[,-]",
            help="A click in pixels, the first pixel is 0,0; [bold],-[/bold] marks a click that "
            "does not belong to the object. Repeat the option in the order of the clicks.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="The mask, 0 and 255 in 8 bit: .tif, .png or .npy.")],
    overlay: Annotated[
        Path | None, typer.Option(help="A PNG of the image with the outline and the clicks.")
    ] = None,
    model: Model = "default",
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Write the mask of one object that is given by clicks."""
    from napari_iafpn.cli.segment import SegmentRequest, segment_file

    segment_file(
        SegmentRequest(
            image=image,
            clicks=tuple(click),
            output=output,
            overlay=overlay,
            model=model,
            device=device,
            overwrite=overwrite,
        )
    )


@app.command()
def models() -> None:
    """List the installed models with their training data, licences and scores."""
    from napari_iafpn.cli.models import print_models

    print_models()


@app.command()
def doctor(device: Device = "auto") -> None:
    """Check the installation: versions, device, models, and one real prediction, timed."""
    from napari_iafpn.cli.doctor import examine

    examine(device)


@app.command()
def demo(
    sample: Annotated[str, typer.Option(help="Name of a bundled image.")] = "nuclei",
    output_dir: Annotated[Path, typer.Option(help="Folder for the mask and the overlay.")] = Path(
        "demo_output"
    ),
    model: Model = "default",
    device: Device = "auto",
) -> None:
    """Segment an object of a bundled image and compare it with the truth."""
    from napari_iafpn.cli.demo import run_demo

    run_demo(sample, output_dir, model, device)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML recipe, see the folder training/.")],
    data: Annotated[Path, typer.Option(help="Folder that holds the recipe's sets.")],
    output: Annotated[
        Path, typer.Option(help="Folder of the run; a run that stopped there goes on.")
    ],
    workers: Annotated[int, typer.Option(help="Processes that prepare the samples.")] = 1,
) -> None:
    """Train a model from a recipe: the coarse level, then the fine level."""
    from napari_iafpn.cli.train import run_recipe

    run_recipe(recipe, data, output, workers)
