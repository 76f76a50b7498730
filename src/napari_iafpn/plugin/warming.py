"""What takes long the first time, done before the first click and the first commit need it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

import numpy as np
from napari.utils.colormaps import label_colormap

from napari_iafpn.plugin.stores import DTYPE

MODULES = ("pandas", "napari_iafpn.finding.quality")
"""What napari's points and our commits import when they come."""


def import_triton() -> None:
    """Import triton, where it is installed, with its own LLVM.

    Mesa's OpenGL drivers bring an LLVM into the process; triton's library, which torch's Linux
    wheels import on the way to torchvision, then binds to that one and crashes the process. With
    RTLD_DEEPBIND it finds its own symbols first.
    """
    deep = getattr(os, "RTLD_DEEPBIND", 0)
    if not deep or "triton" in sys.modules:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_NOW | deep)
    try:
        with suppress(ImportError):
            import_module("triton._C.libtriton")
    finally:
        sys.setdlopenflags(flags)


def warm_up() -> None:
    """Import and compile, in any thread; layers are made in that of the window only."""
    for name in MODULES:
        import_module(name)
    with suppress(AttributeError, TypeError):  # of other versions of napari
        label_colormap()._data_to_texture(np.zeros((1, 1), DTYPE))
