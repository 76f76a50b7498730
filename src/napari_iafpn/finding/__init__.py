"""Objects that look like the ones that were kept: appearance, candidates, quality, proposals."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
