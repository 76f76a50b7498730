"""Backbones, levels, the cascade and its checkpoints."""

from typing import TYPE_CHECKING, Any

from napari_iafpn.networks.card import ModelCard
from napari_iafpn.networks.config import CascadeConfig, LevelConfig
from napari_iafpn.networks.models import find_model, model_names
from napari_iafpn.networks.presets import PRESETS, preset

if TYPE_CHECKING:
    from napari_iafpn.networks.cascade import Cascade, build_cascade
    from napari_iafpn.networks.checkpoint import (
        load_cascade,
        read_card,
        read_config,
        save_cascade,
        write_atomically,
    )
    from napari_iafpn.networks.level import Level

_HOMES = {
    "Cascade": "cascade",
    "Level": "level",
    "build_cascade": "cascade",
    "load_cascade": "checkpoint",
    "read_card": "checkpoint",
    "read_config": "checkpoint",
    "save_cascade": "checkpoint",
    "write_atomically": "checkpoint",
}

__all__ = [
    "PRESETS",
    "Cascade",
    "CascadeConfig",
    "Level",
    "LevelConfig",
    "ModelCard",
    "build_cascade",
    "find_model",
    "load_cascade",
    "model_names",
    "preset",
    "read_card",
    "read_config",
    "save_cascade",
    "write_atomically",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
