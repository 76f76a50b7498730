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
FOREIGN = {
    "objects": ("assist", "exemplars", "images", "adapt"),
    "images": (
        "preset",
        "threshold",
        "flip",
        "user",
        "first",
        "jitter",
        "jobs",
        "limit",
        "strict",
        "scheduler",
    ),
}
"""Options of ``evaluate`` that belong to the other protocol."""
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]


@app.command()
def segment(
    image: Annotated[Path, typer.Argument(help="PNG, TIFF, JPEG, WebP or NPY; one plane.")],
    output: Annotated[Path, typer.Option(help="The mask, 0 and 255 in 8 bit: .tif, .png or .npy.")],
    click: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROW,COL[,-]",
            help="A click in pixels, the first pixel is 0,0; [bold],-[/bold] marks a click that "
            "does not belong to the object. Repeat the option in the order of the clicks.",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="R0,C0,R1,C1",
            help="A box around the object, before all clicks: its first row and column, and the "
            "first ones outside.",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(
            metavar="R0,C0,R1,C1",
            help="What to look at, as one zooms in on a small object: some eight times its size. "
            "Default: the whole image.",
        ),
    ] = None,
    stroke: Annotated[
        list[str] | None,
        typer.Option(
            metavar="R,C;R,C;...[,-]",
            help="A line over the object, before all clicks; [bold],-[/bold] after its last point "
            "marks one that does not belong to it. Repeat the option in the order of the strokes.",
        ),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="A PNG of the image with the outline and the clicks.")
    ] = None,
    model: Model = "default",
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Write the mask of one object that is given by clicks, a box or strokes."""
    from napari_iafpn.cli.segment import SegmentRequest, segment_file

    segment_file(
        SegmentRequest(
            image=image,
            view=view,
            box=box,
            strokes=tuple(stroke or ()),
            clicks=tuple(click or ()),
            output=output,
            overlay=overlay,
            model=model,
            device=device,
            overwrite=overwrite,
        )
    )


@app.command()
def find(
    image: Annotated[
        Path,
        typer.Argument(help="PNG, TIFF, JPEG, WebP, NPY or zarr, one plane; or a folder of them."),
    ],
    exemplars: Annotated[
        Path,
        typer.Option(
            help="Ids of one or more objects of a kind, in any format that [bold]export[/bold] "
            "reads."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="The exemplars and, with new ids, what was found; in any format of "
            "[bold]export[/bold]. For a folder of images a folder, which gets NAME_labels.tif."
        ),
    ],
    shown_in: Annotated[
        Path | None,
        typer.Option(help="The image on which the exemplars lie, where it is another one."),
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(help="Leave out what is found with a lower quality, 0 to 1."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="R0,C0,R1,C1",
            help="Search only here: the first row and column, and the first ones outside.",
        ),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="A PNG of the image with all outlines.")
    ] = None,
    model: Model = "default",
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Find the objects of an image, or of all in a folder, that look like some that are given."""
    from napari_iafpn.cli.find import FindRequest, find_in_files

    find_in_files(
        FindRequest(
            image=image,
            exemplars=exemplars,
            output=output,
            shown_in=shown_in,
            quality=quality,
            region=region,
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
    overwrite: Overwrite = False,
) -> None:
    """Segment an object of a bundled image and compare it with the truth."""
    from napari_iafpn.cli.demo import run_demo

    run_demo(sample, output_dir, model, device, overwrite=overwrite)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A TOML recipe, see the folder training/.")],
    data: Annotated[Path, typer.Option(help="Folder that holds the recipe's sets.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a value of the recipe, for example coarse.steps=500. Repeatable.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is in the folder.")
    ] = False,
    workers: Annotated[
        int, typer.Option(help="Processes that prepare the samples, for each device.")
    ] = 1,
    devices: Annotated[
        int | None, typer.Option(help="GPUs, or processes on the CPU, of a machine.")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(help="Machines; start the command on each with torchrun.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str | None, typer.Option(help="auto, 32-true or bf16-mixed, instead of the recipe's.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard too.")
    ] = False,
) -> None:
    """Train a model from a recipe: the coarse level, then the fine level."""
    from napari_iafpn.cli.train import TrainRequest, run_recipe

    run_recipe(
        TrainRequest(
            recipe=recipe,
            assignments=tuple(assignments or ()),
            data=data,
            output=output,
            resume=resume,
            workers=workers,
            devices=devices,
            nodes=nodes,
            device=device,
            precision=precision,
            tensorboard=tensorboard,
        )
    )


@app.command()
def evaluate(
    context: typer.Context,
    sets: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=][FORMAT:]PATH...",
            help="Annotated images. FORMAT: folder (images/ and labels/; the default), grabcut, "
            "berkeley, davis, coco_mval, voc, sbd, coco or lvis.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(help="Folder of the results; an evaluation that stopped there goes on."),
    ],
    objects: Annotated[
        Path | None,
        typer.Option(
            help="JSON list of the objects to evaluate, {set: [[image, id], ...]}. "
            "Default: objects.json beside the set, where it mentions the set; else all objects."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model name or file; repeat it to compare models. Default: default."),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(help="objects: each alone; images: all objects of whole images in a row."),
    ] = "objects",
    assist: Annotated[
        list[str] | None,
        typer.Option(
            help="Of whole images: none, context (what the objects before tell) or find (similar "
            "objects are found). Repeat it for several. Default: all three."
        ),
    ] = None,
    exemplars: Annotated[
        int, typer.Option(help="Objects that are clicked before similar ones are found.")
    ] = 3,
    images: Annotated[
        int | None, typer.Option(help="Annotate at most so many whole images of each set.")
    ] = None,
    adapt: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Annotate whole images once more with a model that learns after each N objects.",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(help="plugin: what users of the plugin get; paper: as numbers are published."),
    ] = "plugin",
    view_scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="K",
            help="Show the model K times the longer side of the object, as a user who zooms in "
            "does, or [bold]whole[/bold] images (default). Repeat it for several.",
        ),
    ] = None,
    max_clicks: Annotated[int, typer.Option(help="Clicks per object at most.")] = 20,
    target: Annotated[
        float | None,
        typer.Option(
            help="IoU at which the simulated user stops; above 1: never. Default: 0.9, of whole "
            "images 0.85."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Probability above which a pixel is object.")
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Average with the mirrored image; twice the time."),
    ] = None,
    user: Annotated[
        str,
        typer.Option(help="centre: clicks the centre of the largest error; jittered: beside it."),
    ] = "centre",
    first: Annotated[
        str,
        typer.Option(
            help="What the simulated user begins with: click, box or stroke; box and stroke cost "
            "two clicks."
        ),
    ] = "click",
    jitter: Annotated[
        float, typer.Option(help="How far the jittered user strays within an error, 0 to 1.")
    ] = 0.5,
    jobs: Annotated[int, typer.Option(help="Processes; without influence on the results.")] = 1,
    threads: Annotated[int, typer.Option(help="Threads of each process.")] = 1,
    limit: Annotated[
        int | None, typer.Option(help="Evaluate at most so many objects of each set.")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            help="Chooses the objects of --limit and moves the jittered user; of whole images, "
            "above 0, the order."
        ),
    ] = 0,
    keep_255: Annotated[
        bool,
        typer.Option("--keep-255", help="In 8-bit labels 255 is an object; else it is ignored."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first problem; else go on without it.")
    ] = False,
    device: Device = "auto",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Work on the Dask cluster of this scheduler."),
    ] = None,
) -> int:
    """Count the clicks that models need on annotated images, and write a report."""
    if protocol not in FOREIGN:
        raise ValueError(f"unknown protocol {protocol!r}; choose objects or images")
    for name in FOREIGN[protocol]:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--{name} does not go with --protocol {protocol}; leave it out")
    if protocol == "images":
        from napari_iafpn.cli.evaluate_images import ImagesRequest, evaluate_images_of

        return evaluate_images_of(
            ImagesRequest(
                sets=tuple(sets),
                objects=objects,
                models=tuple(model or ["default"]),
                assists=tuple(assist or ["none", "context", "find"]),
                exemplars=exemplars,
                images=images,
                view_scales=tuple(view_scale or ()),
                max_clicks=max_clicks,
                target=0.85 if target is None else target,
                threads=threads,
                keep_255=keep_255,
                device=device,
                output=output,
                adapt=adapt or 0,
                seed=seed,
            )
        )
    from napari_iafpn.cli.evaluate import EvaluateRequest, evaluate_sets

    return evaluate_sets(
        EvaluateRequest(
            sets=tuple(sets),
            objects=objects,
            models=tuple(model or ["default"]),
            preset=preset,
            view_scales=tuple(view_scale or ["whole"]),
            max_clicks=max_clicks,
            target=0.9 if target is None else target,
            threshold=threshold,
            flip=flip,
            user=user,
            first=first,
            jitter=jitter,
            jobs=jobs,
            threads=threads,
            limit=limit,
            seed=seed,
            keep_255=keep_255,
            strict=strict,
            device=device,
            scheduler=scheduler,
            output=output,
        )
    )


@app.command(hidden=True)
def adapt(
    objects: Annotated[Path, typer.Option(help="Folder of the objects to learn from.")],
    output: Annotated[Path, typer.Option(help="The new model; is it there, it is tried.")],
    start: Annotated[str, typer.Option(help="The model that learns.")] = "default",
    further: Annotated[Path | None, typer.Option(help="What came of it before.")] = None,
    since: Annotated[Path | None, typer.Option(help="Folder of the objects to try it on.")] = None,
    against: Annotated[str, typer.Option(help="The model that it is compared with.")] = "default",
    steps: Annotated[int | None, typer.Option(help="Steps of the training.")] = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Compute also while others do; else the last of all.")
    ] = False,
) -> None:
    """Let a model learn from a few objects, for programs: events and commands as in finetune."""
    from napari_iafpn.cli.finetune import adapt_of

    adapt_of(objects, output, start, further, since, against, steps, urgent=urgent)


@app.command()
def finetune(
    output: Annotated[Path, typer.Option(help="The new model, .safetensors.")],
    images: Annotated[
        Path,
        typer.Option(
            help="Folder of your images; or the journal of a session in napari, .iafpn.jsonl."
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Folder of their labels: the id of each pixel's object, 0 = background. A journal "
            "needs none."
        ),
    ] = None,
    model: Model = "default",
    minutes: Annotated[float, typer.Option(help="Time for everything, without pauses.")] = 20.0,
    level: Annotated[
        str, typer.Option(help="What is trained: both levels, or only coarse or fine.")
    ] = "both",
    validation_share: Annotated[
        float,
        typer.Option(help="Share of the images that is held out to count clicks, up to 0.5."),
    ] = 0.25,
    seed: Annotated[int, typer.Option(help="Decides what is held out.")] = 0,
    device: Device = "auto",
    no_replay: Annotated[
        bool,
        typer.Option(
            "--no-replay", help="Do not mix in the bundled images, which keep old skills alive."
        ),
    ] = False,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run's state, with which a run that stopped goes on. "
            "Default: NAME.run beside the model, deleted at the end."
        ),
    ] = None,
    keep_255: Annotated[
        bool,
        typer.Option("--keep-255", help="In 8-bit labels 255 is an object; else it is ignored."),
    ] = False,
    overwrite: Overwrite = False,
    events: Annotated[
        bool,
        typer.Option(
            "--events",
            help="For programs: events as JSON lines on stdout; pause, resume and stop on stdin, "
            "whose end means stop.",
        ),
    ] = False,
) -> None:
    """Retrain a model on your own annotated images, and count the clicks before and after."""
    from napari_iafpn.cli.finetune import run_finetuning

    run_finetuning(
        {
            "images": images,
            "labels": labels or images,
            "output": output,
            "model": model,
            "minutes": minutes,
            "level": level,
            "validation_share": validation_share,
            "seed": seed,
            "device": device,
            "replay": not no_replay,
            "run": run,
            "keep_255": keep_255,
        },
        events=events,
        overwrite=overwrite,
    )


@app.command()
def export(
    labels: Annotated[
        Path,
        typer.Argument(
            help="Ids of the objects: TIFF, OME-TIFF, NPZ, NPY, PNG or a folder of PNG files, "
            "OME-Zarr, COCO, ImageJ ROIs or GeoJSON."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="The file, whose name tells the format: .tif, .ome.tif, .ome.zarr, .npz, .png, "
            ".json (COCO), .zip (ImageJ ROIs), .geojson (QuPath) or .csv (measurements). A stack "
            "of PNG files is a folder."
        ),
    ],
    image: Annotated[
        Path | None,
        typer.Option(help="The image: intensities to measure, and the size of bare outlines."),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Another format than the name tells."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE,...", help="Size of a pixel along each axis, such as 0.5,0.1,0.1."
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of the scale along Z, Y and X, such as micrometer.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write labels in the format of another program, or measure their objects."""
    from napari_iafpn.cli.export import ExportRequest, export_labels

    export_labels(
        ExportRequest(
            labels=labels,
            output=output,
            image=image,
            format_name=format_name,
            scale=scale,
            unit=unit,
            overwrite=overwrite,
        )
    )


@app.command()
def export_model(
    model: Annotated[str, typer.Argument(help="Name of an installed model, or a model file.")],
    output: Annotated[Path, typer.Option(help="Folder of the graphs.")],
    overwrite: Overwrite = False,
) -> None:
    """Write a model as ONNX, with what its inputs mean and an example, for other programs."""
    from napari_iafpn.cli.models import export_model

    export_model(model, output, overwrite=overwrite)


@app.command()
def replay(
    session: Annotated[Path, typer.Argument(help="Journal of a session in napari, .iafpn.jsonl.")],
    output: Annotated[Path, typer.Option(help="The labels, in any format of [bold]export[/bold].")],
    image: Annotated[
        Path | None, typer.Option(help="The image, where it is not in its place any more.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Name of the labels, where the session has several.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Another model than that of the session.")
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Predict the objects of a session again from its clicks, and compare."""
    from napari_iafpn.cli.replay import ReplayRequest, replay_session

    replay_session(ReplayRequest(session, output, image, labels, model, device, overwrite))


@app.command()
def report(
    sessions: Annotated[
        list[Path], typer.Argument(help="Journals of sessions, .iafpn.jsonl, or folders of them.")
    ],
    output: Annotated[Path, typer.Option(help="Folder for the tables (CSV) and the page (HTML).")],
    overwrite: Overwrite = False,
) -> None:
    """Tell what objects and images cost: clicks, corrections and seconds."""
    from napari_iafpn.cli.report import report_work

    report_work(sessions, output, overwrite=overwrite)


@app.command()
def published(
    run_dir: Annotated[Path, typer.Argument(help="Folder that [bold]evaluate[/bold] wrote.")],
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD",
            help="A published method or a part of its name; repeat it for several, or all. "
            "Default: IA-FPN and RITM.",
        ),
    ] = None,
) -> None:
    """Put the numbers of an evaluation beside published ones for the same sets."""
    from napari_iafpn.cli.published import print_beside_published

    print_beside_published(run_dir, tuple(against or ()))
