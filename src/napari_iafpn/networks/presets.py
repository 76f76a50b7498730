"""Named configurations."""

from __future__ import annotations

from dataclasses import replace

from napari_iafpn.networks.config import CascadeConfig, LevelConfig

_LITE = LevelConfig(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
_RESNET = LevelConfig(
    backbone="resnet34",
    output_stride=8,
    channels=128,
    atrous_rates=(12, 24, 36),
    separable_aspp=False,
)
_HRNET = LevelConfig(backbone="hrnet_w18", decoder="ocr", channels=128)
_TINY = replace(_LITE, backbone="test_efficientnet", channels=16)


def _paper(level: LevelConfig) -> CascadeConfig:
    return CascadeConfig(level, level, coarse_size=512, fine_size=416)


PRESETS: dict[str, CascadeConfig] = {
    "default": CascadeConfig(_LITE, _LITE, coarse_size=288, fine_size=384, memory=0.5, refiner=32),
    "resnet34": _paper(_RESNET),
    "resnet50s": _paper(replace(_RESNET, backbone="resnet50s")),
    "resnet101s": _paper(replace(_RESNET, backbone="resnet101s", channels=256)),
    "hrnet18": _paper(_HRNET),
    "tiny": CascadeConfig(_TINY, _TINY, coarse_size=64, fine_size=64, min_crop=16),
}
"""``default`` is the shipped laptop model's architecture, ``tiny`` is for tests; the others are the
paper's settings."""


def preset(name: str) -> CascadeConfig:
    """Return a named configuration; an unknown name is a ValueError that lists the known ones."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]
