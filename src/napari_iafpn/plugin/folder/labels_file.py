"""The file beside an image that its labels are saved in."""

from __future__ import annotations

from pathlib import Path

from napari.layers import Image, Labels

from napari_iafpn.plugin.layers import misfit, placement, spatial_shape
from napari_iafpn.plugin.readers import read_layers
from napari_iafpn.plugin.writers import write_tif

WRITTEN_OVER = (
    "the file {} {} and would be written over; move it elsewhere, or save the layer {!r} by "
    "File > Save Selected Layers and remove it, then go on"
)


class LabelsFile:
    """A file that only the layer with its labels is written to, so that none of them are lost.

    Parameters
    ----------
    path : Path
    image : Image
        The image that the labels lie on.
    """

    def __init__(self, path: Path, image: Image) -> None:
        self.path = path
        self._image = image
        self.layer: Labels | None = None
        """Holds the labels that were opened or saved last."""

    def open(self, path: Path) -> Labels:
        """Open the labels in this file, or those of another program; see `read_layers`.

        Those of the image's size lie where it lies, whatever the file says.
        """
        data, attributes, _ = read_layers(str(path))[0]
        if tuple(data.shape) == spatial_shape(self._image):
            names = {key: attributes[key] for key in ("axis_labels",) if key in attributes}
            attributes = attributes | placement(self._image) | names
        self.layer = Labels(data, **attributes)
        return self.layer

    def save(self, labels: Labels) -> None:
        """Write labels.

        Raises
        ------
        ValueError
            Where other labels would be lost.
        """
        if labels is not self.layer and self.path.exists():
            raise ValueError(WRITTEN_OVER.format(self.path.name, self._state(), labels.name))
        write_tif(str(self.path), labels.data, labels.as_layer_data_tuple()[1])
        self.layer = labels

    def _state(self) -> str:
        """Say what keeps the file from being written, as a part of a sentence."""
        if self.layer is None:
            return "could not be read"
        how = misfit(self.layer, self._image)
        return f"does not lie on the image ({how})" if how else "holds other labels"
