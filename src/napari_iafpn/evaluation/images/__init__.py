"""What a user pays for whole images: alone, with context, with similar objects found."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
