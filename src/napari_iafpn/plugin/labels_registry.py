"""The Labels layers of a viewer: which ones objects go to, and which one the mouse is over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.layers import fits, layer_id, misfit, value_at
from napari_iafpn.plugin.overlays import add_quietly
from napari_iafpn.plugin.user_paths import UserPaths
from napari_iafpn.sessions import PixelChange, PlaneKey

if TYPE_CHECKING:
    from napari.components import ViewerModel


class LabelsRegistry:
    """Keeps what writes into each Labels layer.

    Parameters
    ----------
    viewer : napari viewer
    is_own : callable
        Whether a layer is the plugin's own, which nothing is committed to.
    painted : callable
        Told of the strokes of napari's tools on a layer; see `LabelsLayer`.
    folder : Path, optional
        Where new labels are kept that are too large for the memory. Default: among the user's data.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        is_own: Callable[[Any], bool],
        painted: Callable[[LabelsLayer, PixelChange], bool],
        folder: Path | None = None,
    ) -> None:
        self.folder = folder or UserPaths.of_user().labels
        self._viewer = viewer
        self._is_own = is_own
        self._painted = painted
        self._chosen: dict[str, Labels] = {}
        self._targets: dict[Labels, LabelsLayer] = {}

    def target_of(self, labels: Labels) -> LabelsLayer:
        """Return what writes into a layer."""
        if labels not in self._targets:
            self._targets[labels] = LabelsLayer(labels, self._painted)
        return self._targets[labels]

    def watch(self, layer: Any) -> None:
        """Be told of strokes on a layer, if it is one of labels."""
        if isinstance(layer, Labels) and not self._is_own(layer):
            self.target_of(layer)

    def forget(self, layer: Labels) -> None:
        """Let go of a layer that was closed for good; its steps cannot be taken back any more."""
        target = self._targets.pop(layer, None)
        if target is not None:
            target.close()
        self._chosen = {id_: labels for id_, labels in self._chosen.items() if labels is not layer}

    def labels_of(self, id_: str, *, shown: bool = True) -> LabelsLayer:
        """Return the labels of an id of the history; a removed layer comes back where ``shown``."""
        layer = self.layer_of(id_)
        if layer is None:
            raise ValueError("the labels of this step are no longer open; open them again")
        if shown and layer not in self._viewer.layers:
            add_quietly(self._viewer, layer)
        return self.target_of(layer)

    def labels_there(self, id_: str) -> LabelsLayer:
        """Return the labels of an id; ValueError where the user has removed them."""
        layer = self.layer_of(id_)
        if layer is None or layer not in self._viewer.layers:
            raise ValueError("these labels are not open; open them again")
        return self.target_of(layer)

    @property
    def layers(self) -> tuple[Labels, ...]:
        """All layers that were written to or may be, also those that were removed."""
        return tuple(self._targets)

    def layer_of(self, id_: str) -> Labels | None:
        """Return the Labels layer of an id."""
        return next((layer for layer in self._targets if layer_id(layer) == id_), None)

    def fitting(self, image: Image | None) -> list[Labels]:
        """Return the layers that objects of an image can be committed to."""
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and not self._is_own(layer)
            and image is not None
            and fits(layer, image)
        ]

    def choose(self, image: Image, labels: Labels | None) -> None:
        """Commit the objects of an image to ``labels``; None: to a new layer."""
        if labels is None:
            self._chosen.pop(layer_id(image), None)
        else:
            self._chosen[layer_id(image)] = labels

    def chosen(self, image: Image | None) -> Labels | None:
        """Return the layer that objects of an image go to, None where it is still to be made."""
        found = None if image is None else self._chosen.get(layer_id(image))
        return found if found in self.fitting(image) else None

    def new_for(self, image: Image) -> LabelsLayer:
        """Make an empty layer on an image; ValueError where there is no room for it."""
        target = LabelsLayer.new_for(image, self.folder, painted=self._painted)
        self._targets[target.layer] = target
        return target

    def at(
        self, image: Image, plane: PlaneKey, row: float, col: float
    ) -> tuple[LabelsLayer, int] | None:
        """Return the topmost visible labels with an object at a point of a plane, and its id."""
        for layer in reversed(self.fitting(image)):
            label = value_at(layer, plane.to_data(row, col)) if layer.visible else 0
            if label:
                return self.target_of(layer), label
        return None

    def misfit_at(self, image: Image, world: tuple[float, ...]) -> str:
        """Say why the object at a point, of labels that do not fit, cannot be edited."""
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Labels) and layer.visible and not self._is_own(layer):
                sentence = self.misfit(layer, image)
                if sentence and value_at(layer, layer.world_to_data(world)):
                    return sentence
        return ""

    @staticmethod
    def misfit(labels: Labels, image: Image) -> str:
        """Say why objects of labels cannot be edited on an image; empty where they can."""
        how = misfit(labels, image)
        return how and (
            f"the labels {labels.name!r} do not lie on the image {image.name!r} pixel by pixel: "
            f"{how}; choose the image that they were made on, or give them its size and place"
        )
