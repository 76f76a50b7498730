"""Label images in the formats of other programs: written, and read back."""

from napari_iafpn.exchange.formats import (
    FORMATS,
    READERS,
    WRITERS,
    Format,
    check_replaceable,
    format_of,
    place_of,
    read_labels,
    write_labels,
    writer_of,
)
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.exchange.outlines import Piece, fill, outlines

__all__ = [
    "FORMATS",
    "READERS",
    "WRITERS",
    "Format",
    "LabelImage",
    "LabelMetadata",
    "Piece",
    "check_replaceable",
    "fill",
    "format_of",
    "outlines",
    "place_of",
    "read_labels",
    "write_labels",
    "writer_of",
]
