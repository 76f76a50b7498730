"""Files that torch wrote: tensors and plain values, never objects."""

from __future__ import annotations

import io
import warnings
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

# What zipfile and torch raise for damaged content; the disk's own errors come before.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    UnpicklingError,
    RuntimeError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    OSError,
)


def read_torch_file(path: Path) -> Any:
    """Return the content of a file on the CPU, without unpickling objects.

    Raises
    ------
    ValueError
        Where it is damaged, or holds more than tensors and plain values.
    OSError
        Where it cannot be read.
    """
    payload = io.BytesIO(path.read_bytes())
    try:
        _check_sums(payload)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols: a refusal follows
            return torch.load(payload, map_location="cpu", weights_only=True)
    except _DAMAGES as error:
        raise ValueError(f"{path} is damaged, or no file of tensors") from error


def _check_sums(payload: io.BytesIO) -> None:
    """Raise BadZipFile for a wrong checksum, at which torch does not look."""
    if zipfile.is_zipfile(payload):
        with zipfile.ZipFile(payload) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile("a checksum is wrong")
    payload.seek(0)
