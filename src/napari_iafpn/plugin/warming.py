"""What takes long the first time, done before the first click and the first commit need it."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap

from napari_iafpn.plugin.stores import DTYPE

MODULES = ("pandas", "skimage.color", "napari_iafpn.finding.quality")
"""What napari's points and labels and our commits import when they come."""


def warm_up() -> None:
    """Import and compile, in any thread; layers and colours are made in that of the window only.

    napari ignores warnings while it draws random colours, which no two threads may do at once.
    """
    for name in MODULES:
        import_module(name)
    with suppress(AttributeError, TypeError):  # of other versions of napari
        CyclicLabelColormap(np.ones((2, 4)))._data_to_texture(np.zeros((1, 1), DTYPE))
