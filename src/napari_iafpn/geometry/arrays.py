"""What arrays of numpy and tensors of torch do differently; all else is their common standard.

The method is written once for both, with the functions of the array API standard: training and the
engine torch give tensors, ONNX Runtime takes and gives arrays, and then torch is never imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_numpy_array
from numpy.typing import NDArray

Array = Any
"""A numpy array or a torch tensor; what takes several takes and returns one kind."""

LEAST_LOGIT = -80.0
"""Below it exp overflows float32, and the probability is 0 all the same."""


def device_of(array: Array) -> Any:
    """Return the device of a tensor, None for an array of numpy."""
    return None if is_numpy_array(array) else array.device


def placed(values: NDArray[Any], device: Any) -> Array:
    """Return a tensor on ``device`` that shares or copies numpy ``values``; themselves for None."""
    if device is None:
        return values
    import torch

    return torch.from_numpy(values).to(device)


def like(values: NDArray[Any], array: Array) -> Array:
    """Return numpy ``values`` as an array of the kind and type of ``array``, where that lies."""
    if is_numpy_array(array):
        return values.astype(array.dtype, copy=False)
    import torch

    # First the type, then the place: MPS holds no float64.
    return torch.from_numpy(values).to(array.dtype).to(array.device)


def to_numpy(array: Array) -> NDArray[Any]:
    """Return the values without their gradient, in the computer's memory."""
    return array if is_numpy_array(array) else array.detach().cpu().numpy()


def in_full_precision(array: Array) -> Array:
    """Return the values in float32, with their gradient; half precision is for networks only."""
    return array if is_numpy_array(array) else array.float()


def probability(logits: Array) -> Array:
    """Return the probabilities of logits, without their gradient."""
    if is_numpy_array(logits):
        return 1 / (1 + np.exp(-np.maximum(logits, LEAST_LOGIT)))
    return logits.detach().sigmoid()
