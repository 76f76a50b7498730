"""What decides the results of an evaluation, and where it ran, as plain data."""

from __future__ import annotations

import os
import platform
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import reduce
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iafpn.evaluation.readers import AnnotatedSet, FolderSet, Selection

if TYPE_CHECKING:
    from napari_iafpn.evaluation.images.run import ImageEvaluation
    from napari_iafpn.evaluation.models import ModelFile
    from napari_iafpn.evaluation.plan import Plan
    from napari_iafpn.evaluation.protocol import Protocol
    from napari_iafpn.evaluation.run import Evaluation

Header = Mapping[str, Mapping[str, Any]]
"""Groups of what decides the results: ``{group: {option: value}}``."""


def make_header(evaluation: Evaluation, models: Sequence[ModelFile]) -> Header:
    """Return what an earlier run must have in common to be gone on with.

    The number of jobs is not among it. The number of threads is: sums are rounded in another
    order.
    """
    options = {
        **_options(evaluation.protocol),
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
    """Return what tells a set from one of the same name, also where labels were corrected."""
    base = annotated.base if isinstance(annotated, Selection) else annotated
    count = f"{len(annotated)} image(s)"
    if not isinstance(base, FolderSet):
        return count
    places = (base.labels / name for pair in base.pairs for name in pair.labels)
    files = filter(Path.is_file, places)  # of a folder, such as zarr, nothing is told
    checksum = reduce(lambda so_far, path: zlib.crc32(path.read_bytes(), so_far), files, 0)
    return f"{count}, labels {checksum:08x}"


def _options(protocol: Protocol) -> dict[str, Any]:
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
