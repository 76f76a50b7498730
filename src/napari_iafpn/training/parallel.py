"""Several processes: who gets which samples, and how their gradients become one.

Each process takes an equal part of every batch, and the samples belong to a place in one stream, so
a recipe means the same on any number of processes, apart from dropout masks and, on CPUs, the
statistics of the batch normalisation, which are those of the process's own part.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
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


def average_gradients(module: nn.Module, fabric: Fabric) -> None:
    """Replace each gradient by its mean over the processes.

    One message for all of them. Not DistributedDataParallel: the simulated clicks run the level
    several times without gradient, and a batch without clicks leaves the graph's weights unused.
    """
    if fabric.world_size == 1:
        return
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    mean = mean_over_processes(torch.cat([grad.reshape(-1) for grad in grads]), fabric)
    for grad, part in zip(grads, torch.split(mean, [grad.numel() for grad in grads]), strict=True):
        grad.copy_(part.view(grad.shape))


def mean_over_processes(values: Tensor, fabric: Fabric) -> Tensor:
    """Return the mean of a tensor over the processes."""
    mean = fabric.all_reduce(values, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean
