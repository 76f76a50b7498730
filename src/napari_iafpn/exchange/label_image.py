"""A label image with what the formats can say about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.axes import (
    DEFAULT_AXES,
    USUAL,
    are_axes,
    long_name,
    rows_last,
    usual_order,
)
from napari_iafpn.exchange.ids import ids_of
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import UnfitError, sizes


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Objects of an image as ids of pixels.

    Attributes
    ----------
    labels : (..., Y, X) integer
        0 = background. Before the rows and columns may be time, channel and Z, in any order.
    name : str
    scale : tuple of float
        Physical size of a pixel along each axis; empty: 1 for all.
    units : tuple of str
        Unit of each axis, such as ``micrometer``; empty: ``pixel`` for all. Short names such as
        ``um`` are replaced by long ones.
    axes : str
        A letter for each axis: T, C, Z, Y, X; empty: YX, ZYX or TZYX.
    classes : mapping of int to str
        Name of the class of an id; may be empty, and may know ids that are not there.
    image : array of the shape of ``labels``, or with channels as one more, last axis; or None
        Intensities, which only measurements need.
    notes : tuple of str
        Sentences about what reading the file did not keep.
    translate : tuple of float
        Where the centre of the first pixel is, along each axis in its unit; empty: at 0.
    stated : bool
        The axes were told and not guessed from their number; False where they are given empty.

    Raises
    ------
    NotIdsError
        Where ``labels`` are no ids; a ValueError, as the other one.
    UnfitError
        Where the parts do not fit each other.
    """

    labels: NDArray[np.integer]
    name: str = "labels"
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    axes: str = ""
    classes: Mapping[int, str] = field(default_factory=dict)
    image: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()
    stated: bool = True
    proposed: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls, values: Any, name: str, metadata: LabelMetadata, notes: tuple[str, ...] = ()
    ) -> LabelImage:
        """Return the ids of an array with ``metadata``; rows and columns become the last axes."""
        values, axes = np.asarray(values), metadata.axes
        if "Y" in axes and "X" in axes and len(axes) == values.ndim:
            moved = rows_last(axes)
            values = np.transpose(values, [axes.index(axis) for axis in moved])
            metadata = metadata.along(moved)
        return cls(
            values,
            name,
            metadata.scale,
            metadata.units,
            metadata.axes,
            metadata.classes,
            notes=notes,
            translate=metadata.translate,
            proposed=metadata.proposed,
        )

    def __post_init__(self) -> None:
        labels = ids_of(self.labels, repr(self.name))
        axes = self.axes or DEFAULT_AXES.get(labels.ndim, "")
        if not are_axes(axes) or len(axes) != labels.ndim or not labels.size:
            raise UnfitError(
                f"the labels {self.name!r} are {sizes(labels.shape)} along {axes or 'no axes'}; "
                "give pixels along YX, ZYX, TYX or TZYX, with C for channels"
            )
        scale = tuple(float(size) for size in self.scale) or (1.0,) * labels.ndim
        units = tuple(long_name(unit) for unit in self.units) or ("pixel",) * labels.ndim
        translate = tuple(float(place) for place in self.translate) or (0.0,) * labels.ndim
        if not (len(scale) == len(units) == labels.ndim):
            raise UnfitError(
                f"the labels {self.name!r} have {labels.ndim} axes, {len(scale)} scales and "
                f"{len(units)} units; give one of each per axis, in the order {axes}"
            )
        if not all(math.isfinite(size) and size > 0 for size in scale):
            raise UnfitError(f"the scale {scale} of {self.name!r} is no size; give numbers above 0")
        if len(translate) != labels.ndim or not all(math.isfinite(place) for place in translate):
            raise UnfitError(
                f"the translation {translate} of {self.name!r} is no place along {axes}; give a "
                "number for each axis"
            )
        if self.image is not None and self.image.shape[: labels.ndim] != labels.shape:
            raise UnfitError(
                f"the labels {self.name!r} are {sizes(labels.shape)} pixels, the image "
                f"{sizes(self.image.shape)}; give an image of the size of the labels"
            )
        stated = self.stated and bool(self.axes)
        for key, value in (
            ("labels", labels),
            ("axes", axes),
            ("scale", scale),
            ("units", units),
            ("translate", translate),
            ("stated", stated),
        ):
            object.__setattr__(self, key, value)

    @property
    def metadata(self) -> LabelMetadata:
        """All but the ids, the name and the intensities; guessed axes are left out."""
        axes = self.axes if self.stated else ""
        return LabelMetadata(
            self.labels.shape,
            axes,
            self.scale,
            self.units,
            self.translate,
            dict(self.classes),
            self.proposed,
        )

    def in_order(self, order: str = USUAL) -> LabelImage:
        """Return the labels with their axes in the usual or another order, without intensities."""
        axes = usual_order(self.axes, order)
        places = [self.axes.index(axis) for axis in axes]
        moved = self.metadata.along(axes)
        return replace(
            self,
            labels=np.transpose(self.labels, places),
            axes=axes,
            scale=moved.scale,
            units=moved.units,
            translate=moved.translate,
            image=None,
        )

    @property
    def largest(self) -> int:
        """The largest id, 0 without objects."""
        return int(self.labels.max())

    @property
    def plane_shape(self) -> tuple[int, int]:
        """(Y, X) in pixels."""
        return int(self.labels.shape[-2]), int(self.labels.shape[-1])

    def planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[np.integer]]]:
        """Yield the index along the axes before rows and columns, and the (Y, X) ids."""
        for index in np.ndindex(self.labels.shape[:-2]):
            yield index, self.labels[index]

    def plane_name(self, index: tuple[int, ...]) -> str:
        """Return a name such as ``cells_t000_z012``; of a single plane the name itself."""
        return self.name + "".join(
            f"_{axis.lower()}{place:03d}" for axis, place in zip(self.axes, index, strict=False)
        )


def in_type(labels: LabelImage, types: tuple[type, ...], limit: str) -> NDArray[Any]:
    """Return the ids in the first of ``types`` that holds them exactly.

    Raises
    ------
    ValueError
        Where none does; ``limit`` says what holds so many and what to do.
    """
    for dtype in types:
        if dtype is np.uint8 and labels.largest == np.iinfo(dtype).max:
            continue  # in 8-bit labels 255 means "ignored" to many programs
        exact = 2**24 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
        if labels.largest <= exact:
            return labels.labels.astype(dtype, copy=False)
    raise ValueError(f"the ids of {labels.name!r} reach {labels.largest}; {limit}")
