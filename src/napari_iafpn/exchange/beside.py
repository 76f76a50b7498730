"""The image that labels lie on: its axes and place, and its intensities in the order of labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_iafpn.exchange.axes import DEFAULT_AXES, letters_of, rows_last
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.files import read_array
from napari_iafpn.images.opening import opening

NEAR = 0.1
"""How many pixels labels may lie beside their image, for scales that a file rounded."""


def read_image(path: Path) -> tuple[NDArray[Any], LabelMetadata]:
    """Read all pixels of an image, and what its file says about its axes.

    Without a word about the axes, three or four values along the last one of several are colours.
    """
    image = read_array(path)
    with opening(path, "an image"):
        said = _said(path)
    if len(said.scale) == image.ndim:
        return image, replace(said, shape=image.shape)
    colours = image.ndim > 2 and image.shape[-1] in (3, 4)
    return image, LabelMetadata(image.shape[:-1] if colours else image.shape)


def _said(path: Path) -> LabelMetadata:
    if path.is_dir():
        from napari_iafpn.exchange.ngff import metadata_of_folder

        return metadata_of_folder(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        return LabelMetadata()
    from napari_iafpn.exchange.imagej_tiff import imagej_metadata
    from napari_iafpn.exchange.ome_tiff import ome_metadata

    with tifffile.TiffFile(path) as file:
        axes = file.series[0].axes
        names = axes.replace("S", "")
        letters = letters_of(names)
        usual = letters or DEFAULT_AXES.get(len(names), "")
        said = ome_metadata(file, usual) if file.is_ome else imagej_metadata(file, usual)
    if "S" not in axes:
        return replace(said, axes=letters)
    if not letters or (axes != "SYX" and not axes.endswith("S")):
        return LabelMetadata()
    # Colours are the last axis of the pixels that are read.
    return replace(
        said,
        axes=f"{letters}S",
        scale=(*said.scale, 1.0),
        units=(*said.units, "pixel"),
        translate=(*said.translate, 0.0),
    )


def on_image(labels: LabelImage, image: LabelMetadata) -> LabelImage:
    """Return labels that take from their image what was not said of themselves.

    Axes are taken where they were not stated, scale, units and translation where the labels have
    neither size nor place, if the image has as many pixels along each of the axes.
    """
    for left_out in ("S", "CS"):
        axes = "".join(axis for axis in image.letters if axis not in left_out)
        if not axes.endswith("YX") or image.along(axes).shape != labels.labels.shape:
            continue
        if image.axes and labels.stated and axes != labels.axes:
            note = (
                f"the axes of the labels {labels.name!r} are called {labels.axes}, those of their "
                f"image {axes}; the names of the labels were kept"
            )
            return replace(labels, notes=(*labels.notes, note))
        stated = labels.stated or bool(image.axes)
        own = set(labels.scale) != {1.0} or set(labels.units) != {"pixel"} or any(labels.translate)
        place = labels.metadata if own else image.along(axes)
        return replace(
            labels,
            axes=labels.axes if labels.stated or not image.axes else axes,
            stated=stated,
            scale=place.scale,
            units=place.units,
            translate=place.translate,
        )
    return labels


def in_all_channels(labels: LabelImage, image: LabelMetadata) -> LabelImage:
    """Return labels that lack nothing but the channels of their image once for each of these.

    Rows and columns stay the last axes, also where they are not those of the image.
    """
    image = image.along(rows_last(image.axes))
    without = image.axes.replace("C", "")
    if labels.axes != without or labels.labels.shape != image.along(without).shape:
        return labels
    if without == image.axes:
        return labels
    place = image.axes.index("C")
    ids = np.repeat(np.expand_dims(labels.labels, place), image.shape[place], axis=place)

    def widened(own: tuple[Any, ...], of_image: tuple[Any, ...], usual: Any) -> tuple[Any, ...]:
        return (*own[:place], of_image[place] if of_image else usual, *own[place:])

    return replace(
        labels,
        labels=ids,
        axes=image.axes,
        scale=widened(labels.scale, image.scale, 1.0),
        units=widened(labels.units, image.units, "pixel"),
        translate=widened(labels.translate, image.translate, 0.0),
    )


def same_place(labels: LabelMetadata, image: LabelMetadata) -> bool:
    """Tell whether two arrays have the same pixels at the same places, up to `NEAR` pixels."""
    if labels.shape != image.shape or labels.units != image.units:
        return False
    scale, start = np.array(labels.scale), np.array(labels.translate)
    there, ends = np.array(image.scale), np.array([np.zeros(len(image.shape)), image.shape])
    away = (start + ends * scale - np.array(image.translate)) / there - ends
    return bool(np.abs(away).max() <= NEAR)


def with_intensities(
    labels: LabelImage, image: NDArray[Any], metadata: LabelMetadata
) -> LabelImage:
    """Return labels with the pixels of their image in the order of their axes.

    Raises
    ------
    ValueError
        Where the image has other sizes, or axes that labels do not have besides one of channels.
    """
    axes = metadata.axes
    shared = [axis for axis in labels.axes if axis in axes]
    same = len(shared) == len(labels.axes)
    if len(axes) != image.ndim or (labels.labels.shape == image.shape and not same):
        return replace(labels, image=image)
    more = [axis for axis in axes if axis not in shared and metadata.sizes[axis] > 1]
    if len(more) > 1 or any(axis not in "CS" for axis in more):
        raise ValueError(
            f"the image has the axes {axes} ({' x '.join(map(str, image.shape))}), the labels "
            f"{labels.name!r} {labels.axes}; give an image of the planes of the labels"
        )
    kept = [axes.index(axis) for axis in (*shared, *more)]
    image = image.squeeze(tuple(place for place in range(image.ndim) if place not in kept))
    order = [axis for axis in axes if axis in (*shared, *more)]
    image = np.transpose(image, [order.index(axis) for axis in (*shared, *more)])
    absent = [place for place, axis in enumerate(labels.axes) if axis not in shared]
    return replace(labels, image=np.expand_dims(image, absent))
