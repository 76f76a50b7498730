"""What the user wants evaluated; plain values, made in the GUI thread, opened in the worker."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari_iafpn.evaluation import AnnotatedSet, Evaluation, LayerSet, Sample

ZOOMED_VIEW = 8.0
MOST_JOBS = 4


@dataclass(frozen=True)
class LayerPairs:
    """An image layer with a labels layer; each plane of a stack that has labels is an image.

    Attributes
    ----------
    layer, name : str
        The image layer's unique id and its name.
    labels_layer, labels_name : str
        The same of the labels layer.
    image : array-like
        (..., H, W) or, where ``rgb``, (..., H, W, 3 or 4), at full resolution.
    labels : array-like
        (..., H, W).
    rgb : bool
    """

    layer: str
    name: str
    labels_layer: str
    labels_name: str
    image: Any = field(repr=False, compare=False)
    labels: Any = field(repr=False, compare=False)
    rgb: bool = False

    def open(self) -> LayerSet:
        """Return the planes that have labels; ValueError where there is nothing to evaluate.

        The labels are copied: the user may go on painting.
        """
        from napari_iafpn.evaluation import LayerSet

        self._check()
        samples = tuple(self._samples())
        if not samples:
            raise ValueError(
                f"the labels {self.labels_name!r} hold no object; choose labels in which the "
                "objects are painted"
            )
        return LayerSet(self.name, samples)

    def place_of(self, name: str) -> PlaneKey:
        """Return the plane that is called ``name`` in the set."""
        indices = {self._name_of(index): index for index in np.ndindex(*self._shape[:-2])}
        axes = len(self._shape)
        return PlaneKey(self.layer, (axes - 2, axes - 1), indices[name])

    @property
    def _shape(self) -> tuple[int, ...]:
        shape = tuple(int(size) for size in self.image.shape)
        return shape[:-1] if self.rgb else shape

    def _name_of(self, index: Sequence[int]) -> str:
        return f"{self.name} {list(index)}" if index else self.name

    def _check(self) -> None:
        shape = tuple(int(size) for size in self.labels.shape)
        if shape != self._shape:
            raise ValueError(
                f"the image {self.name!r} has {_pixels(self._shape)} pixels, the labels "
                f"{self.labels_name!r} {_pixels(shape)}; choose labels of the image's size"
            )
        if len(shape) < 2:
            raise ValueError(f"the image {self.name!r} has no planes; choose one with two axes")

    def _samples(self) -> Iterator[Sample]:
        from napari_iafpn.evaluation.readers import Sample
        from napari_iafpn.evaluation.readers.sample import areas_of
        from napari_iafpn.exchange.ids import ids_of

        for index in np.ndindex(*self._shape[:-2]):
            ids = ids_of(np.array(self.labels[index]), repr(self.labels_name))
            objects = tuple(sorted(areas_of(ids)))
            if objects:
                image: NDArray[Any] = np.asarray(self.image[index])
                yield Sample(self._name_of(index), image, ids, objects)


@dataclass(frozen=True, eq=False)
class FolderSource:
    """A folder of images and labels, as it is for one evaluation: no two are equal."""

    folder: Path

    def open(self) -> AnnotatedSet:
        """Return the set; ValueError where the folder is none."""
        from napari_iafpn.evaluation.readers import open_folder

        return open_folder(self.folder)


Source = LayerPairs | FolderSource


@dataclass(frozen=True)
class Request:
    """One evaluation.

    Attributes
    ----------
    source : Source
    models : tuple of str
        One, or two to compare.
    preset : str
        Of `Protocol`.
    zoomed : bool
        The model sees the object's surroundings only, not the whole image.
    limit : int or None
        At most so many objects; None: all.
    """

    source: Source
    models: tuple[str, ...]
    preset: str = "plugin"
    zoomed: bool = False
    limit: int | None = None

    def evaluation(self, annotated: AnnotatedSet) -> Evaluation:
        """Return what the engine needs to know."""
        from napari_iafpn.evaluation import PRESETS, Evaluation

        return Evaluation(
            sets=(annotated,),
            models=self.models,
            protocol=PRESETS[self.preset],
            view_scales=(ZOOMED_VIEW if self.zoomed else None,),
            limit=self.limit,
            jobs=_jobs(),
        )


def _jobs() -> int:
    """Return how many processes leave the window some of the computer; a GPU takes one."""
    from napari_iafpn.inference.device import choose_device

    if choose_device("auto") != "cpu":
        return 1
    return max(1, min(MOST_JOBS, (os.cpu_count() or 1) // 2))


def _pixels(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
