"""Which layers of the window can be trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari.layers import Image, Labels

from napari_iafpn.plugin.layers import full_resolution, layer_id, spatial_shape
from napari_iafpn.plugin.mask_preview import PREVIEW_NAME
from napari_iafpn.plugin.training.sources import LayerPair

if TYPE_CHECKING:
    from napari.components import Dims, LayerList


@dataclass(frozen=True)
class PairOffer:
    """An image layer and the labels layers of its size, the likeliest first.

    Attributes
    ----------
    image, name : str
        The image layer's unique id and its name.
    labels : tuple of (str, str)
        Unique ids and names.
    related : bool
        The first labels are called after the image.
    """

    image: str
    name: str
    labels: tuple[tuple[str, str], ...]
    related: bool


def offered_pairs(layers: LayerList) -> list[PairOffer]:
    """Return an offer for each image that labels fit, the related ones and the topmost first."""
    offers = []
    for image in reversed([layer for layer in layers if isinstance(layer, Image)]):
        fitting = sorted(_fitting(image, reversed(layers)), key=lambda labels: _rank(image, labels))
        if fitting:
            labels = tuple((layer_id(layer), layer.name) for layer in fitting)
            related = _rank(image, fitting[0]) < 2
            offers.append(PairOffer(layer_id(image), image.name, labels, related))
    return sorted(offers, key=lambda offer: not offer.related)


def layer_pair(layers: LayerList, dims: Dims, image_id: str, labels_id: str) -> LayerPair:
    """Return two layers as a pair; ValueError where one has gone."""
    found = {layer_id(layer): layer for layer in layers}
    image, labels = found.get(image_id), found.get(labels_id)
    if image is None or labels is None:
        raise ValueError("a layer that was chosen is no longer there; choose again")
    return LayerPair(
        image.name, labels.name, full_resolution(image), labels.data, _plane_axes(image, dims)
    )


def _fitting(image: Image, layers: Iterable[object]) -> Iterable[Labels]:
    for layer in layers:
        if not isinstance(layer, Labels) or layer.multiscale or layer.name == PREVIEW_NAME:
            continue
        if tuple(layer.data.shape) == spatial_shape(image):
            yield layer


def _rank(image: Image, labels: Labels) -> int:
    """Return 0 for our labels of an image, 1 for labels that are called after it, 2 for others."""
    if labels.name == f"Objects of {image.name}":
        return 0
    # The name as words of its own: "cell 1" is neither in "cell 10" nor in napari's "cell 1 [2]".
    name = rf"(?<!\w){re.escape(image.name)}(?!\w| \[\d)"
    return 1 if re.search(name, labels.name) else 2


def _plane_axes(image: Image, dims: Dims) -> tuple[int, int]:
    """Return the axes that the viewer displays, since those were annotated; else the last two."""
    offset = dims.ndim - image.ndim
    shown = sorted(axis - offset for axis in dims.displayed if axis >= offset)
    return (shown[0], shown[1]) if len(shown) == 2 else (image.ndim - 2, image.ndim - 1)
