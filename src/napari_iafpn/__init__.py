"""Click segmentation for napari with intention-aware feature propagation networks."""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

try:
    __version__ = version("napari-iafpn")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"
