"""What decides the results of an evaluation, and where it ran, as plain data."""

from __future__ import annotations

import os
import platform
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from functools import reduce
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.evaluation.readers import AnnotatedSet, FileSet, Selection

if TYPE_CHECKING:
    from napari_iafpn.evaluation.images.run import ImageEvaluation
    from napari_iafpn.evaluation.models import ModelFile
    from napari_iafpn.evaluation.plan import Plan
    from napari_iafpn.evaluation.protocol import Protocol
    from napari_iafpn.evaluation.run import Evaluation

Header = Mapping[str, Mapping[str, Any]]
"""Groups of what decides the results: ``{group: {option: value}}``."""
PART, PARTS = 2**20, 64
"""Of a large file, so many parts of so many bytes are looked at."""


def make_header(evaluation: Evaluation, models: Sequence[ModelFile]) -> Header:
    """Return what an earlier run must have in common to be gone on with.

    The number of jobs is not among it. The number of threads is: sums are rounded in another
    order.
    """
    options = {
        **options_of(evaluation.protocol),
        "view_scales": [scale or "whole" for scale in evaluation.view_scales],
        "limit": evaluation.limit,
        "limit_seed": evaluation.seed,
    }
    return header_of(options, evaluation, models)


def header_of(
    options: Mapping[str, Any],
    evaluation: Evaluation | ImageEvaluation,
    models: Sequence[ModelFile],
) -> Header:
    """Return the header of any evaluation with these options of its own."""
    from napari_iafpn.inference.device import choose_device

    device = choose_device(evaluation.device)
    return {
        "option": {**options, "threads": evaluation.threads, "device": device},
        "version of": {name: version(name) for name in ("napari-iafpn", "torch", "numpy", "scipy")},
        "model": {model.name: model.sha256 for model in models},
        "set": {annotated.name: _contents(annotated) for annotated in evaluation.sets},
    }


def _contents(annotated: AnnotatedSet) -> str:
    """Return what tells a set from one of the same name, also where files were changed."""
    base, places = annotated, list(range(len(annotated)))
    while isinstance(base, Selection):
        places, base = [base.indices[place] for place in places], base.base
    images = (_image_of(base, index) for index in places)
    labels = (each for index in places for each in _labels_of(base, index))
    # How a set reads its files is told by its switches, such as that 255 is an id.
    switches = {
        each.name: value
        for each in fields(cast("Any", base))
        if each.name != "name" and isinstance(value := getattr(base, each.name), (bool, float, str))
    }
    read = f"{_checksum(images):08x}, labels {_checksum(labels):08x}"
    return f"{len(annotated)} image(s) {read}" + "".join(
        f", {name} {value}" for name, value in switches.items() if value
    )


def _image_of(annotated: AnnotatedSet, index: int) -> Path | NDArray[Any]:
    path = annotated.image_file(index)
    return annotated.read(index).image if path is None else path


def _labels_of(annotated: AnnotatedSet, index: int) -> Iterable[Path | NDArray[Any]]:
    files = annotated.label_files(index) if isinstance(annotated, FileSet) else ()
    return files or (annotated.truth(index).instances,)


def _checksum(contents: Iterable[Path | NDArray[Any]]) -> int:
    """Return the checksum of files and arrays; of a file or folder that comes again, once."""
    so_far, seen = 0, set[Path]()
    for each in contents:
        if not isinstance(each, Path):
            so_far = zlib.crc32(np.ascontiguousarray(each).data, so_far)
        elif each not in seen:
            seen.add(each)
            files = sorted(each.rglob("*")) if each.is_dir() else [each]
            so_far = reduce(_with_file, filter(Path.is_file, files), so_far)
    return so_far


def _with_file(so_far: int, path: Path) -> int:
    """Take a file into a checksum; of a large one its size and parts that are spread over it."""
    with suppress(OSError), path.open("rb") as file:  # the evaluation tells why it cannot be read
        size = file.seek(0, os.SEEK_END)
        so_far = zlib.crc32(str(size).encode(), so_far)
        step = max(PART, size // PARTS)
        for start in range(0, size, step):
            file.seek(start)
            so_far = zlib.crc32(file.read(PART), so_far)
    return so_far


def options_of(protocol: Protocol) -> dict[str, Any]:
    """Return the options of a protocol; ``first`` only where it is none of before."""
    options = asdict(protocol)
    if protocol.first == "click":
        del options["first"]
    return options


def make_provenance(
    evaluation: Evaluation, header: Header, plan: Plan, started: str
) -> dict[str, Any]:
    """Return ``Results.provenance``."""
    return {
        "options": {**header["option"], "strict": evaluation.strict},
        "versions": {"python": platform.python_version(), **header["version of"]},
        "models": dict(header["model"]),
        "sets": {
            annotated.name: {
                "images": len(annotated),
                "objects": plan.counts[annotated.name],
                "chosen": plan.chosen(annotated.name),
            }
            for annotated in evaluation.sets
        },
        "started": started,
        "machine": f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} CPUs",
        "jobs": evaluation.jobs,
        "scheduler": evaluation.scheduler,
    }


def now() -> str:
    """Return the time, UTC, in ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
