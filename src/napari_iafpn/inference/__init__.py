"""Clicks in, masks out: the stateless predictor and the object being annotated."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
