"""What napari's layers and dims mean for a plane: its key, its pixels, its place in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.transforms import Affine

from napari_iafpn.images.composite import ChannelDisplay
from napari_iafpn.plugin.planes import PlaneSource
from napari_iafpn.plugin.propagating import slider_axes
from napari_iafpn.sessions import DisplaySettings, PlaneKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import Dims, LayerList, ViewerModel
    from numpy.typing import ArrayLike

NEAR = 0.1
"""How many pixels layers may lie beside each other, for scales that a file rounded."""
COVERING = ("opaque", "translucent", "translucent_no_depth")
"""Blendings of napari that hide what is below."""
SESSION_ID = "napari-iafpn id"


def full_resolution(layer: Image | Labels) -> Any:
    """Return the array of a layer; the finest level of a multiscale one."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial_shape(image: Image) -> tuple[int, ...]:
    """Return the image's sizes in pixels without colour channels."""
    return tuple(int(size) for size in full_resolution(image).shape[: image.ndim])


def axis_names(image: Image) -> list[str]:
    """Return what the user calls the data axes; an axis without a name has its number."""
    return [
        f"axis {axis}" if label.lstrip("-").isdigit() else label
        for axis, label in enumerate(image.axis_labels)
    ]


def layer_id(layer: Layer) -> str:
    """Return a name that no other layer has, also after renaming."""
    own = str(layer.unique_id)
    # A copy of the layer has a copy of the metadata.
    of, kept = layer.metadata.get(SESSION_ID, (own, own))
    return str(kept) if of == own else own


def keep_id(layer: Layer, id_: str) -> None:
    """Call a layer as an earlier sitting called it."""
    layer.metadata[SESSION_ID] = (str(layer.unique_id), id_)


def pixel_length(layer: Layer) -> float:
    """Return how long a pixel of a layer is in the world, whatever its scale and affine."""
    corner = np.zeros(layer.ndim)
    beside = corner.copy()
    beside[-1] = 1.0
    length = np.subtract(layer.data_to_world(beside), layer.data_to_world(corner))
    return float(np.linalg.norm(length))


def plane_key(image: Image, dims: Dims) -> PlaneKey:
    """Return the plane of ``image`` that the viewer displays; ValueError where it shows none."""
    offset = dims.ndim - image.ndim
    axes = sorted(axis - offset for axis in dims.displayed if axis >= offset)
    if len(axes) != 2 or dims.ndisplay != 2:
        raise ValueError(
            f"the image {image.name!r} is not shown as one plane; click in the 2D view, "
            "with two of its axes displayed"
        )
    key = nearest_plane(image, dims)
    point = image.world_to_data(dims.point)
    if key.index != tuple(round(float(point[axis])) for axis in key.other_axes):
        raise ValueError(
            f"the image {image.name!r} has nothing at this slider position; "
            "move to one of its slices"
        )
    return key


def nearest_plane(image: Image, dims: Dims) -> PlaneKey:
    """Return the plane that is displayed, or would be in 2D with the sliders on the image.

    ValueError where the image is empty.
    """
    shape = spatial_shape(image)
    if 0 in shape:
        raise ValueError(f"the image {image.name!r} is empty; choose another one")
    offset = dims.ndim - image.ndim
    rows, cols = sorted([axis - offset for axis in dims.order if axis >= offset][-2:])
    point = image.world_to_data(dims.point)
    others = [axis for axis in range(image.ndim) if axis not in (rows, cols)]
    index = tuple(min(max(round(float(point[axis])), 0), shape[axis] - 1) for axis in others)
    return PlaneKey(layer_id(image), (rows, cols), index)


def plane_source(image: Image, key: PlaneKey, channels: Sequence[Image] = ()) -> PlaneSource:
    """Return how to read a plane of ``image`` as it is displayed, or the sum of ``channels``."""
    channel = _channel(image)
    seen = tuple((layer_id(channel), _channel(channel)) for channel in channels)
    display = (
        DisplaySettings((0.0, 1.0), 1.0, seen)
        if seen
        else DisplaySettings(channel.limits, channel.gamma)
    )
    return PlaneSource(key, display, {layer_id(each): _levels(each) for each in (image, *channels)})


def channels_of(image: Image, layers: LayerList) -> list[Image]:
    """Return the layers whose colours add up to what is seen where ``image`` lies.

    Visible images of its size at its place; those under one that covers them are not seen.
    """
    seen: list[Image] = []
    for layer in reversed(layers):
        if isinstance(layer, Image) and layer.visible and _is_beside(layer, image):
            seen.insert(0, layer)
            if layer.blending in COVERING and layer.opacity == 1:
                break
    return seen


def _is_beside(layer: Image, image: Image) -> bool:
    """Tell whether a layer has the pixels of ``image`` at the same places."""
    return spatial_shape(layer) == spatial_shape(image) and pixels_beside(layer, image) <= NEAR


def pixels_beside(layer: Layer, image: Image) -> float:
    """Return how far a layer of the shape of ``image`` lies beside it at most, in its pixels.

    Not in the world, whose numbers may be metres or come from a stage far away.
    """
    corners = np.array(list(np.ndindex((2,) * image.ndim))) * spatial_shape(image)
    away = [image.world_to_data(layer.data_to_world(corner)) - corner for corner in corners]
    return float(np.max(np.abs(away)))


def _channel(image: Image) -> ChannelDisplay:
    """Return how an image is shown."""
    low, high = (float(limit) for limit in image.contrast_limits)
    gamma = float(image.gamma)
    if image.rgb:
        return ChannelDisplay((low, high), gamma)
    colours = image.colormap.map(np.array([0.0, 1.0]))[:, :3] * float(image.opacity)
    dark, bright = ((float(red), float(green), float(blue)) for red, green, blue in colours)
    return ChannelDisplay((low, high), gamma, dark, bright)


def _levels(image: Image) -> tuple[Any, ...]:
    return tuple(image.data) if image.multiscale else (image.data,)


def value_at(labels: Labels, position: Iterable[float]) -> int:
    """Return the id at a point in pixels of the labels, 0 outside."""
    index = tuple(int(i) for i in np.round(np.asarray(position)))
    data = full_resolution(labels)
    inside = all(0 <= i < size for i, size in zip(index, data.shape, strict=True))
    return int(np.asarray(data[index])) if inside else 0


def show_plane(viewer: ViewerModel, image: Image, key: PlaneKey) -> None:
    """Move the viewer's sliders to a plane of ``image``."""
    dims = viewer.dims
    offset = dims.ndim - image.ndim
    axes = tuple(axis + offset for axis in key.axes)
    if set(dims.displayed) != set(axes):
        dims.order = tuple(a for a in range(dims.ndim) if a not in axes) + axes
    point = image.data_to_world(key.to_data(0, 0))
    others = [axis + offset for axis in key.other_axes]
    dims.set_point(others, [float(point[axis - offset]) for axis in others])


def placement(image: Image, start: ArrayLike | None = None) -> dict[str, Any]:
    """Return the layer attributes that put data on ``image``.

    Parameters
    ----------
    start : one number per axis, optional
        Where in the image, in its pixels, the data begin.
    """
    linear = Affine(scale=image.scale, rotate=image.rotate, shear=image.shear).linear_matrix
    shift = np.zeros(image.ndim) if start is None else linear @ np.asarray(start, dtype=float)
    return {
        "scale": image.scale,
        "rotate": image.rotate,
        "shear": image.shear,
        "translate": image.translate + shift,
        "affine": image.affine,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def place(layer: Layer, attributes: dict[str, Any]) -> None:
    """Give ``layer`` a `placement`, touching only what differs."""
    for name, wanted in attributes.items():
        current = getattr(layer, name)
        if name == "affine":
            same = np.array_equal(current.affine_matrix, wanted.affine_matrix)
        else:
            same = np.array_equal(current, wanted)
        if not same:
            setattr(layer, name, wanted)


def fits(labels: Labels, image: Image) -> bool:
    """Tell whether the pixels of ``labels`` are those of ``image``, in shape and place."""
    return not misfit(labels, image)


def misfit(labels: Labels, image: Image) -> str:
    """Return how the pixels of ``labels`` differ from those of ``image``, as a part of a sentence.

    Empty where they are the same, in shape and, up to `NEAR` pixels, in place.
    """
    theirs, shape = tuple(map(int, full_resolution(labels).shape)), spatial_shape(image)
    if theirs != shape:
        return f"they have {_product(theirs)} pixels and the image {_product(shape)}"
    farthest = pixels_beside(labels, image)
    return "" if farthest <= NEAR else f"they lie up to {farthest:.3g} pixels beside it"


def _product(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def image_at(layers: LayerList, world: Sequence[float], chosen: Image | None) -> Image | None:
    """Return the image that is seen at a point: ``chosen`` where it is, else the topmost.

    None where no image is.
    """
    seen: list[Image] = []
    for layer in reversed(layers):
        if isinstance(layer, Image) and layer.visible and layer.opacity and _covers(layer, world):
            seen.append(layer)
            if layer.blending in COVERING and layer.opacity == 1:
                break
    return chosen if chosen in seen else next(iter(seen), None)


def _covers(image: Image, world: Sequence[float]) -> bool:
    """Tell whether a point of the world lies on a pixel of an image."""
    position = np.round(image.world_to_data(world))
    return bool(np.all((position >= 0) & (position < spatial_shape(image))))


def default_image(layers: LayerList) -> Image | None:
    """Return the active image, else the topmost visible one, else any."""
    images = [layer for layer in reversed(layers) if isinstance(layer, Image)]
    active = [image for image in images if image is layers.selection.active]
    return next(iter([*active, *(image for image in images if image.visible), *images]), None)


def sliders_of(image: Image | None, plane: PlaneKey | None) -> list[tuple[str, int]]:
    """Return the names and data axes of an image's sliders, that of the depth first."""
    if image is None or plane is None:
        return []
    names = axis_names(image)
    return [(names[axis], axis) for axis in slider_axes(plane, spatial_shape(image))]
