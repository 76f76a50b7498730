"""`napari-iafpn doctor`: tells whether this installation can do its work, and how fast."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rich.table import Table

from napari_iafpn.cli.console import plain_console

if TYPE_CHECKING:
    from napari_iafpn.inference import Predictor

PACKAGES = (
    "napari-iafpn",
    "torch",
    "timm",
    "segmentation-models-pytorch",
    "numpy",
    "onnxruntime",
    "napari",
)
QT_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
ENGINES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}
SAMPLE = "nuclei"


def examine(device: str) -> None:
    """Print what is installed, load every model and time one prediction of the default one.

    Raises ValueError, with what to do, where something does not work.
    """
    from napari_iafpn.inference.device import choose_device

    choose_device(device)
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in [*_versions(), *_hardware(), *_models(), *_prediction(device)]:
        table.add_row(name, value)
    plain_console().print(table)


def _versions() -> list[tuple[str, str]]:
    bindings = [f"{name} {found}" for name in QT_BINDINGS if (found := _version(name))]
    return [
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, _version(name) or "not installed") for name in PACKAGES),
        (
            "Qt",
            ", ".join(bindings) or "none; the window needs one: pip install 'napari-iafpn[all]'",
        ),
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _hardware() -> list[tuple[str, str]]:
    import torch

    rows = [("CPU", f"{torch.get_num_threads()} threads")]
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory / 2**30
        rows.append((f"cuda:{index}", f"{torch.cuda.get_device_name(index)}, {memory:.0f} GiB"))
    if torch.backends.mps.is_available():
        rows.append(("mps", "available"))
    return rows


def _models() -> list[tuple[str, str]]:
    from napari_iafpn.networks import find_model, load_cascade, model_names

    rows = []
    for name in model_names():
        cascade = load_cascade(find_model(name))
        parameters = sum(parameter.numel() for parameter in cascade.parameters())
        rows.append((f"model {name}", f"loads; {parameters / 1e6:.2f} million parameters"))
    return rows


def _prediction(device: str) -> list[tuple[str, str]]:
    from statistics import median

    from napari_iafpn.images import Plane
    from napari_iafpn.inference import Predictor
    from napari_iafpn.masks import iou
    from napari_iafpn.networks.onnx_engine import advice
    from napari_iafpn.plugin.samples import SAMPLES, load_image, load_labels
    from napari_iafpn.prompts import Click

    row, col = SAMPLES[SAMPLE].click
    labels, plane = load_labels(SAMPLE), Plane(load_image(SAMPLE))
    rows = []
    predictor = Predictor.load(device=device)
    for each in [predictor, *_torch_beside(predictor)]:
        runs = [each.predict(plane, [Click(row, col)]) for _ in range(6)][1:]
        seconds, where = median(run.seconds for run in runs), runs[-1].device
        rows.append((f"with {ENGINES[each.engine]}", f"{seconds:.3f} s per click on {where}"))
        rows += [("note", note) for note in runs[-1].notes]
    overlap = iou(predictor.predict(plane, [Click(row, col)]).mask(), labels == labels[row, col])
    return [
        ("engine", ENGINES[predictor.engine]),
        *([("note", told)] if (told := advice(predictor.device)) else []),
        *rows,
        ("overlap", f"IoU {overlap:.3f} with the truth of the sample {SAMPLE!r}"),
    ]


def _torch_beside(predictor: Predictor) -> list[Predictor]:
    """Return one that torch runs, where another engine runs ``predictor``."""
    from napari_iafpn.inference import Predictor

    return [] if predictor.engine == "torch" else [Predictor.load(device="cpu", engine="torch")]
