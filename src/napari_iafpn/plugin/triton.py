"""Importing torch's companion triton into a process that draws with OpenGL."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module


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
