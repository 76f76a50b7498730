"""Where the networks run, in which precision, and what an exhausted memory looks like."""

from __future__ import annotations

import errno

import torch

EXHAUSTED = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
    "failed to allocate memory",
)
"""Of the words of RuntimeErrors of an exhausted memory: MPS, CPU, C++, cuBLAS and cuDNN, ONNX."""
PRECISIONS: dict[str, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def choose_device(name: str) -> torch.device:
    """Return a device by name; ``auto`` is the first of CUDA, MPS and CPU that there is."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, index = name.partition(":")
    present = {
        "cpu": index == "",
        "mps": mps and index == "",
        "cuda": cuda and (index == "" or index in map(str, range(torch.cuda.device_count()))),
    }
    if not present.get(kind, False):
        usable = ", ".join(["auto", "cpu", *["mps"] * mps, *["cuda"] * cuda])
        raise ValueError(f"device {name!r} is not available here; choose one of {usable}")
    return torch.device(name)


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
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in EXHAUSTED)
