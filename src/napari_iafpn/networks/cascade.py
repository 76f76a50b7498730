"""The cascade: coarse and fine level under one roof."""

from __future__ import annotations

from torch import Tensor, nn

from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.level import Level
from napari_iafpn.networks.pretrained import load_backbone
from napari_iafpn.networks.refiner import Refiner


class Cascade(nn.Module):
    """The coarse level, which reads the intention, and the fine level, which draws the object.

    The composition of one interaction, which reads pixels between the two levels, is
    ``inference.Predictor``'s; ``fine`` is None in the ablation without IAF, ``refiner`` in all
    published settings.
    """

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        self.coarse = Level(config.coarse)
        self.fine = None if config.fine is None else Level(config.fine)
        self.refiner = Refiner(config.refiner) if config.refiner else None


def remembered(intention: Tensor, last: Tensor, share: float) -> Tensor:
    """Return the fine level's previous mask: the intention, and what that level drew before.

    The coarse level sees the last mask at its own resolution, so that finer details would be drawn
    anew at every click. With a share of the last mask the fine level knows what it drew, and where
    the intention has changed.

    Parameters
    ----------
    intention, last : (B, 1, h, w) float
        Probabilities in the region of interest. Where all of ``last`` is 0 there is no mask yet,
        and the intention alone counts.
    share : float
        ``CascadeConfig.memory``.
    """
    known = last.amax((1, 2, 3), keepdim=True) > 0
    return intention + share * known * (last - intention)


def build_cascade(config: CascadeConfig, pretrained: str = "auto") -> Cascade:
    """Build a cascade whose backbones start from ImageNet weights.

    ``pretrained`` is ``none`` (random weights), ``auto`` (an installed package, else timm's
    download), ``timm``, or the path of a file of backbone weights.
    """
    cascade = Cascade(config)
    if pretrained != "none":
        for level in (cascade.coarse, cascade.fine):
            if level is not None:
                load_backbone(level.features.backbone, level.config.backbone, pretrained)
    return cascade.eval()
