"""Faster gradients of depthwise convolutions on CPUs that compute bf16."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode


class Float32DepthwiseGradients(TorchFunctionMode):
    """While active, depthwise convolutions under the CPU's autocast have gradients in float32.

    What they return stays the same to the bit. Backwards, the CPU's library is fast in bf16 for
    kernels of 3 x 3 pixels without stride and dilation, which are left alone; for most others it
    takes several times as long as in float32 (``benchmarks/depthwise.py``). Without autocast, and
    on other devices, nothing changes.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Replace ``torch.conv2d`` where it is meant, called as ``nn.Conv2d`` calls it."""
        if func is torch.conv2d and len(args) == 7 and _is_meant(args):
            return _DepthwiseConvolution.apply(*args)
        return func(*args, **(kwargs or {}))


def _is_meant(call: Sequence[Any]) -> bool:
    values, weight, _, stride, padding, dilation, groups = call
    return (
        values.device.type == "cpu"
        and torch.is_autocast_enabled("cpu")
        and torch.is_grad_enabled()
        and weight.requires_grad
        and groups == len(weight) == values.shape[1] > 1
        and not isinstance(padding, str)
        and not (max(weight.shape[2:]) <= 3 and _is_one(stride) and _is_one(dilation))
    )


def _is_one(size: int | Sequence[int]) -> bool:
    return size in (1, (1, 1))


class _DepthwiseConvolution(torch.autograd.Function):
    """A convolution in autocast's type, with the gradients in float32 where that is faster."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None, *geometry: Any
    ) -> Tensor:
        reduced = values.to(torch.get_autocast_dtype("cpu"))
        ctx.save_for_backward(reduced, weight)
        ctx.geometry = geometry
        return torch.conv2d(reduced, weight, bias, *geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight = ctx.saved_tensors
        wants_bias = ctx.needs_input_grad[2]
        reduced = gradient, values, weight.to(values.dtype)
        exact = gradient.float(), values.float(), weight
        if _is_one(ctx.geometry[0]):  # towards the values it is fast in bf16
            to_values = _gradients(*reduced, ctx.geometry, [True, False, False])[0]
            _, to_weight, to_bias = _gradients(*exact, ctx.geometry, [False, True, wants_bias])
        else:
            to_values, to_weight, to_bias = _gradients(
                *exact, ctx.geometry, [True, True, wants_bias]
            )
        return to_values, to_weight, to_bias, None, None, None, None


def _gradients(
    gradient: Tensor, values: Tensor, weight: Tensor, geometry: Sequence[Any], wanted: list[bool]
) -> tuple[Tensor | None, ...]:
    """Return the gradients of values, weight and bias, as far as wanted."""
    stride, padding, dilation = (
        [size, size] if isinstance(size, int) else size for size in geometry[:3]
    )
    channels = len(weight)
    found: tuple[Tensor | None, ...] = torch.ops.aten.convolution_backward(
        gradient,
        values,
        weight,
        [channels],
        stride,
        padding,
        dilation,
        False,
        [0, 0],
        channels,
        wanted,
    )
    return found
