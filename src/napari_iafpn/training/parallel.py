"""Several processes: who gets which samples, and how they compute what one process would.

A recipe means the same on any number of processes, each of which takes an equal part of every
batch: the samples and every random choice belong to a place in one stream, the gradient is the mean
over the processes, the batch normalisation sees the whole batch, and a dropout mask is the
process's part of the common one.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, distributed as dist, nn
from torch.distributed.nn.functional import all_reduce
from torch.utils.data import Sampler

from napari_iafpn.training.settings import StageConfig


class BatchStream(Sampler[list[int]]):
    """The indices of one process's part of each batch, from step ``first`` of a stage to its end.

    Resuming a run is starting later. The stage's samples begin at ``base``.
    """

    def __init__(
        self, base: int, first: int, config: StageConfig, rank: int = 0, processes: int = 1
    ) -> None:
        if config.batch % processes:
            raise ValueError(
                f"batch is {config.batch}, which {processes} processes cannot share equally; "
                f"give a multiple of {processes}"
            )
        self.base, self.batch = base, config.batch
        self.turns = range(first * config.accumulate, config.steps * config.accumulate)
        self.part = config.batch // processes
        self.offset = rank * self.part

    def __iter__(self) -> Iterator[list[int]]:
        for turn in self.turns:
            start = self.base + turn * self.batch + self.offset
            yield list(range(start, start + self.part))

    def __len__(self) -> int:
        return len(self.turns)


def average_gradients(module: nn.Module, processes: int) -> None:
    """Replace each gradient by its mean over the processes.

    One message for all of them. Not DistributedDataParallel: the simulated clicks run the level
    several times without gradient, and a batch without clicks leaves the graph's weights unused.
    """
    if processes == 1:
        return
    parameters = [p for p in module.parameters() if p.requires_grad]
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([grad.reshape(-1) for grad in grads]) / processes
    dist.all_reduce(flat)
    pieces = torch.split(flat, [grad.numel() for grad in grads])
    for parameter, piece in zip(parameters, pieces, strict=True):
        parameter.grad = piece.view(parameter.shape).clone(memory_format=torch.preserve_format)


def mean_over_processes(value: float, processes: int, device: torch.device) -> float:
    """Return the mean of a number over the processes."""
    if processes == 1:
        return value
    total = torch.tensor(value, device=device)
    dist.all_reduce(total)
    return float(total) / processes


def synchronise(module: nn.Module, rank: int, processes: int) -> None:
    """Let the normalisations and dropouts inside ``module`` act on the batches of all processes.

    Names and tensors of the state stay as they are.
    """
    if processes == 1:
        return
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, CommonNorm(child, processes))
        elif isinstance(child, (nn.Dropout, nn.Dropout2d)):
            channels = isinstance(child, nn.Dropout2d)
            common = CommonDropout(child.p, channels=channels, rank=rank, processes=processes)
            setattr(module, name, common)
        else:
            synchronise(child, rank, processes)


class CommonNorm(nn.BatchNorm2d):
    """Batch normalisation over the batches of all processes; torch's own works on CUDA only.

    Takes the place of a norm and shares its tensors; timm's norms apply an activation afterwards.
    """

    def __init__(self, norm: nn.BatchNorm2d, processes: int) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.processes = processes
        self.drop = getattr(norm, "drop", nn.Identity())
        self.act = getattr(norm, "act", nn.Identity())
        self.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """Normalise (B, C, H, W)."""
        if not self.training:
            return self._after(super().forward(input))
        values = input.float()
        count = values.numel() // values.shape[1] * self.processes
        mean = _sum(values.sum((0, 2, 3))) / count
        centred = values - mean.view(1, -1, 1, 1)
        variance = _sum(centred.square().sum((0, 2, 3))) / count
        self._track(mean.detach(), variance.detach() * count / max(1, count - 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return self._after(normalised.to(input.dtype))

    def _after(self, values: Tensor) -> Tensor:
        out: Tensor = self.act(self.drop(values))
        return out

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        momentum = 0.1 if self.momentum is None else self.momentum
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def _sum(values: Tensor) -> Tensor:
    """Return the sum over the processes; gradients go back to all of them."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total


class CommonDropout(nn.Module):
    """Dropout whose mask is this process's part of the mask of the whole batch."""

    def __init__(self, p: float, *, channels: bool, rank: int, processes: int) -> None:
        super().__init__()
        self.p, self.channels = p, channels
        self.rank, self.processes = rank, processes

    def forward(self, values: Tensor) -> Tensor:
        """Drop values of (B, C, H, W), or whole channels."""
        if not self.training or self.p == 0.0:
            return values
        count = len(values)
        shape = (count * self.processes, *values.shape[1:])
        nhwc = values.is_contiguous(memory_format=torch.channels_last)
        kept = torch.empty(
            (*shape[:2], 1, 1) if self.channels else shape,
            dtype=torch.bool,
            device=values.device,
            # random bits are drawn in the order of the memory
            memory_format=torch.channels_last if nhwc else torch.contiguous_format,
        ).bernoulli_(1.0 - self.p)
        own = kept[self.rank * count : (self.rank + 1) * count]
        return values * own / (1.0 - self.p)
