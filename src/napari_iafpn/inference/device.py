"""Where the networks run, in which precision, and what an exhausted memory looks like."""

from __future__ import annotations

import ctypes.util
import errno
import sys
from functools import cache
from pathlib import Path

EXHAUSTED = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    "failed to allocate memory",
)
"""Of the words of RuntimeErrors of an exhausted memory: CUDA, MPS, CPU, C++, cuDNN, ONNX."""
PRECISIONS: dict[str, str | None] = {"fp32": None, "bf16": "bfloat16", "fp16": "float16"}
"""The type of torch in which networks run; None is float32."""
DRIVERS = "/dev/nvidiactl", "/proc/driver/nvidia", "/dev/nvmap", "/dev/kfd", "/dev/dxg"
"""Of GPUs that torch can use under Linux: NVIDIA's, AMD's, and either one's inside of Windows."""


def choose_device(name: str) -> str:
    """Return a device by name; ``auto`` is the first of CUDA, MPS and CPU that there is.

    Torch, whose import takes seconds, is not asked for the CPU, nor by ``auto`` where nothing
    points to a GPU.
    """
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return "cpu"
    cuda, mps = _gpus()
    if name == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, index = name.partition(":")
    present = {
        "mps": mps and index in ("", "0"),
        "cuda": cuda > 0 and (index == "" or index in map(str, range(cuda))),
    }
    if not present.get(kind, False):
        usable = ", ".join(["auto", "cpu", *["mps"] * mps, *["cuda"] * (cuda > 0)])
        raise ValueError(f"device {name!r} is not available here; choose one of {usable}")
    return name


def kind_of(device: str) -> str:
    """Return ``cpu``, ``cuda`` or ``mps``."""
    return device.partition(":")[0]


def _may_have_gpu() -> bool:
    """Tell whether it is worth asking torch."""
    if sys.platform == "linux":
        return "torch" in sys.modules or any(Path(driver).exists() for driver in DRIVERS)
    libraries = "nvcuda", "amdhip64"
    return sys.platform == "darwin" or any(map(ctypes.util.find_library, libraries))


def _gpus() -> tuple[int, bool]:
    """Return the number of CUDA devices, and whether there is MPS."""
    import torch

    cuda = torch.cuda.device_count() if torch.cuda.is_available() and _computes() else 0
    return cuda, torch.backends.mps.is_available()


@cache
def _computes() -> bool:
    """Tell whether this torch has kernels for the first CUDA device, which may be too old or new.

    ``torch.cuda.is_available`` says yes all the same.
    """
    import torch

    try:
        return bool((torch.zeros(1, device="cuda") + 1).item() == 1.0)
    except RuntimeError:
        return False


def choose_precision(name: str) -> str:
    """Return a key of ``PRECISIONS``; ``auto`` is fp32.

    Half precision changes masks, because the zoom-in turns small differences into another region
    and each mask is the next click's input. On a CPU without bf16 instructions bf16 is emulated,
    which is slower than fp32. Who wants half precision asks for it.
    """
    if name == "auto":
        return "fp32"
    if name not in PRECISIONS:
        known = ", ".join(["auto", *PRECISIONS])
        raise ValueError(f"unknown precision {name!r}; choose one of {known}")
    return name


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a device, the allocator of C++ or the system ran out of memory."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    named = type(error).__name__ == "OutOfMemoryError"  # torch's, of RuntimeError
    return isinstance(error, RuntimeError) and (named or any(words in said for words in EXHAUSTED))
