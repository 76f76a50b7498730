"""Torch beside OpenGL: what must be imported before torch is, whoever imports it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType

LIBRARY = "triton._C.libtriton"


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
        with suppress(Exception):  # torch may do without
            import_module(LIBRARY)
    finally:
        sys.setdlopenflags(flags)


class TritonBeforeTorch(MetaPathFinder):
    """Finds no module, but imports triton when torch is looked for."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> None:
        """Import triton before torch."""
        if fullname == "torch":
            # A new list, since the importing goes on in the old one.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
            import_triton()


def guard_torch() -> None:
    """Import triton before torch is, or now where torch is there already."""
    if "torch" in sys.modules:
        import_triton()
    elif not any(isinstance(finder, TritonBeforeTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, TritonBeforeTorch())
