"""What takes long the first time, done before the first click needs it."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels, Points

from napari_iafpn.plugin.overlays import SIGN_COLORS, SIGNS
from napari_iafpn.plugin.stores import DTYPE


def import_layers() -> None:
    """Let napari import and compile what it needs for points and labels; in any thread."""
    features = {"click": np.array(SIGNS, dtype=object)}
    Points(np.zeros((2, 2)), features=features, face_color="click", face_color_cycle=SIGN_COLORS)
    Labels(np.zeros((1, 1), DTYPE))
