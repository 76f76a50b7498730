"""The cascade of torch, whose parts have weights of their own, which can be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.step import CascadeStep
from napari_iafpn.networks.threads import apply_threads
from napari_iafpn.prompts import PromptTensors

if TYPE_CHECKING:
    from napari_iafpn.networks.level import Level
    from napari_iafpn.networks.refiner import Refiner

apply_threads()  # which were chosen before torch was there


class Cascade(CascadeStep, nn.Module):
    """The levels and the refiner of a configuration, with new weights."""

    engine = "torch"
    coarse: Level
    fine: Level | None
    refiner: Refiner | None

    def __init__(self, config: CascadeConfig) -> None:
        # Here, because they import the backbones, which takes seconds.
        from napari_iafpn.networks.level import Level
        from napari_iafpn.networks.refiner import Refiner

        super().__init__()
        self.config = config
        self.coarse = Level(config.coarse)
        self.fine = None if config.fine is None else Level(config.fine)
        self.refiner = Refiner(config.refiner) if config.refiner else None

    def given(self, values: NDArray[Any]) -> Tensor:
        """Return a tensor in the computer's memory."""
        return torch.tensor(values)

    def infer(
        self,
        part: Callable[..., Tensor],
        given: Sequence[Tensor | PromptTensors],
        device: str,
        autocast: str | None = None,
    ) -> Tensor:
        """Return what a part makes on a device, CPU in and CPU out."""
        with torch.autocast(
            torch.device(device).type,
            dtype=getattr(torch, autocast or "bfloat16"),
            enabled=autocast is not None,
        ):
            made = part(*(each.to(device) for each in given))
        return made.float().cpu()

    def prepared(self, device: str) -> Cascade:
        """Return a copy for prediction on a device, see ``networks.folding``."""
        from napari_iafpn.networks.folding import folded

        return folded(self).to(device).to(memory_format=torch.channels_last)

    def move(self, device: str) -> None:
        """Bring the weights to a device where they may not be."""
        weights = next(self.parameters(), None)  # walking all costs time at every click
        if weights is not None and weights.device.type != torch.device(device).type:
            try:
                self.to(device)
            except Exception:  # half way; a full device has no room for the rest
                self.to("cpu")
                raise

    def forget(self, device: str) -> None:
        """Give back the memory of a device that nothing uses."""
        if torch.device(device).type == "cuda":
            torch.cuda.empty_cache()

    def predicting(self) -> AbstractContextManager[Any]:
        """Return the context without gradients."""
        return torch.inference_mode()


def build_cascade(config: CascadeConfig, pretrained: str = "auto") -> Cascade:
    """Build a cascade whose backbones start from ImageNet weights.

    ``pretrained`` is ``none`` (random weights), ``auto`` (an installed package, else timm's
    download), ``timm``, or the path of a file of backbone weights.
    """
    from napari_iafpn.networks.pretrained import load_backbone

    cascade = Cascade(config)
    if pretrained != "none":
        for level in (cascade.coarse, cascade.fine):
            if level is not None:
                load_backbone(level.features.backbone, level.config.backbone, pretrained)
    return cascade.eval()
