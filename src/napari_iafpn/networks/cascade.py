"""The cascade: coarse and fine level under one roof."""

from __future__ import annotations

from torch import nn

from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.level import Level
from napari_iafpn.networks.pretrained import load_backbone


class Cascade(nn.Module):
    """The coarse level, which reads the intention, and the fine level, which draws the object.

    The composition of one interaction, which reads pixels between the two levels, is
    ``inference.Predictor``'s; ``fine`` is None in the ablation without IAF.
    """

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__()
        self.config = config
        self.coarse = Level(config.coarse)
        self.fine = None if config.fine is None else Level(config.fine)


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
