"""The layers that show an evaluated object: its outline, the model's mask and the clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.utils.colormaps import DirectLabelColormap

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.camera import camera
from napari_iafpn.plugin.evaluation.request import LayerPairs, Source
from napari_iafpn.plugin.layers import layer_id, placement, show_plane
from napari_iafpn.plugin.overlays import (
    CLICK_PIXELS,
    SIGN_COLORS,
    SIGN_SYMBOLS,
    SIGNS,
    add_quietly,
)
from napari_iafpn.sessions import PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_iafpn.evaluation import ObjectResult
    from napari_iafpn.plugin.evaluation.controller import Exhibit

# As in the report's pictures.
TRUTH_COLOR, MASK_COLOR = "#56b4e9", "#e69f00"
SHARE = 0.3
"""Of the canvas' sides, what the object takes up."""
MARGIN = 4


class ObjectViewer:
    """Shows one evaluated object at a time in a viewer."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._opened: Image | None = None
        self._shown: tuple[Source, str] | None = None  # whose image is opened
        self._overlays: list[Layer] = []
        self._points: Points | None = None
        self._hidden: list[Layer] = []
        camera(viewer).events.zoom.connect(self._fit_points)

    @property
    def layers(self) -> list[Layer]:
        """The layers that are the scene's own."""
        return [*self._overlays, *([] if self._opened is None else [self._opened])]

    def show(self, exhibit: Exhibit) -> None:
        """Go to the object and draw it; ValueError where its image is no longer open."""
        image, key = self._image_of(exhibit)
        truth = exhibit.sample.truth(exhibit.result.label)
        mask = exhibit.result.mask.decode()
        box = _box_of(truth, mask, exhibit.result)
        self._remove(self._overlays)
        self._overlays = [
            _labels(image, key, box, mask, f"Mask of {exhibit.result.model}", MASK_COLOR),
            _labels(image, key, box, truth, "True outline", TRUTH_COLOR, contour=1),
            _points(image, key, exhibit.result),
        ]
        self._points = self._overlays[-1]
        for layer in self._overlays:
            add_quietly(self._viewer, layer)
        self._hide_truth(exhibit)
        self._fly_to(image, key, Box.around(truth) or box)

    def remove(self) -> None:
        """Take the scene's layers out of the viewer and show what was hidden."""
        camera(self._viewer).events.zoom.disconnect(self._fit_points)
        self._remove(self.layers)
        self._overlays, self._opened, self._points = [], None, None
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []

    def _hide_truth(self, exhibit: Exhibit) -> None:
        """Hide the filled labels, once, under which the model's mask cannot be seen."""
        if isinstance(exhibit.source, LayerPairs):
            for layer in self._viewer.layers:
                labels = layer_id(layer) == exhibit.source.labels_layer
                if labels and layer.visible and layer not in self._hidden:
                    layer.visible = False
                    self._hidden.append(layer)

    def _image_of(self, exhibit: Exhibit) -> tuple[Image, PlaneKey]:
        if not isinstance(exhibit.source, LayerPairs):
            return self._open(exhibit)
        for layer in self._viewer.layers:
            if layer_id(layer) == exhibit.source.layer:
                return layer, exhibit.source.place_of(exhibit.sample.name)
        raise ValueError(
            f"The image {exhibit.source.name!r} is no longer open; add its layer again and start "
            "again."
        )

    def _open(self, exhibit: Exhibit) -> tuple[Image, PlaneKey]:
        """Show an image of a folder in place of the one before."""
        sample, opened = exhibit.sample, self._opened
        image = exhibit.source, sample.name
        if opened is None or opened not in self._viewer.layers or self._shown != image:
            self._remove([] if opened is None else [opened])
            opened = Image(sample.image, name=sample.name, rgb=sample.image.ndim == 3)
            add_quietly(self._viewer, opened)
            self._opened, self._shown = opened, image
        return opened, PlaneKey(layer_id(opened), (0, 1))

    def _fly_to(self, image: Image, key: PlaneKey, box: Box) -> None:
        viewer, eye = self._viewer, camera(self._viewer)
        viewer.dims.ndisplay = 2
        show_plane(viewer, image, key)
        viewer.reset_view()  # now the zoom shows all layers
        shown = list(viewer.dims.displayed)
        all_sides = np.ptp(viewer.layers.extent.world, axis=0)[shown]
        corners = [(box.row_start, box.col_start), (box.row_stop, box.col_stop)]
        world = np.array([image.data_to_world(key.to_data(*corner)) for corner in corners])
        offset = viewer.dims.ndim - image.ndim
        ends = world[:, [axis - offset for axis in shown]]
        sides = np.abs(np.ptp(ends, axis=0)).clip(1e-9)
        eye.zoom *= max(1.0, SHARE * float(np.min(all_sides / sides)))
        eye.center = (0.0, *ends.mean(axis=0))
        self._fit_points()

    def _fit_points(self, _event: Any = None) -> None:
        """Keep the points of one size on the screen."""
        points = self._points
        if points is not None and points in self._viewer.layers:
            points.size = CLICK_PIXELS / (camera(self._viewer).zoom * abs(points.scale[-1]))

    def _remove(self, layers: list[Layer]) -> None:
        for layer in layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)


def _box_of(truth: NDArray[np.bool_], mask: NDArray[np.bool_], result: ObjectResult) -> Box:
    """Return a box with a margin around all there is to see."""
    whole = Box.whole((truth.shape[0], truth.shape[1]))
    found = [box for part in (truth, mask) if (box := Box.around(part)) is not None]
    pixels = (click.pixel for click in result.clicks)
    found += [Box(row, row + 1, col, col + 1) for row, col in pixels]
    box = found[0]
    for other in found[1:]:
        box = box.union(other)
    return box.resized_about_centre(box.height + 2 * MARGIN, box.width + 2 * MARGIN, whole)


def _labels(
    image: Image,
    key: PlaneKey,
    box: Box,
    mask: NDArray[np.bool_],
    name: str,
    color: str,
    contour: int = 0,
) -> Labels:
    shape = [1] * image.ndim
    shape[key.axes[0]], shape[key.axes[1]] = box.shape
    layer = Labels(
        mask[box.slices].astype(np.uint8).reshape(shape),
        name=name,
        opacity=0.95 if contour else 0.45,
        colormap=DirectLabelColormap(color_dict={0: "transparent", 1: color, None: "transparent"}),
        **placement(image, key.to_data(box.row_start, box.col_start)),
    )
    layer.contour = contour
    layer.editable = False
    return layer


def _points(image: Image, key: PlaneKey, result: ObjectResult) -> Points:
    signs = [SIGNS[not click.positive] for click in result.clicks]
    points = np.array([key.to_data(click.row, click.col) for click in result.clicks])
    layer = Points(
        points.reshape(-1, image.ndim),
        name=f"Clicks of {result.model}",
        face_color=[SIGN_COLORS[sign] for sign in signs],
        symbol=[SIGN_SYMBOLS[sign] for sign in signs],
        border_color="white",
        border_width=0.1,
        features={"click": np.arange(1, len(signs) + 1)},
        text={
            "string": "{click}",
            "color": "white",
            "size": 9,
            "anchor": "upper_left",
        },
        **placement(image),
    )
    layer.editable = False
    return layer
