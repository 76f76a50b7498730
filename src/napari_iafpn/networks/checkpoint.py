"""Checkpoints: safetensors with a JSON header; nothing is ever unpickled."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from napari_iafpn.networks.card import ModelCard
from napari_iafpn.networks.config import CascadeConfig, from_known_keys

if TYPE_CHECKING:
    from napari_iafpn.networks.cascade import Cascade

FORMAT_VERSION = 1
HEADER_KEY = "napari_iafpn"


def save_cascade(
    cascade: Cascade, path: Path | str, card: ModelCard, *, dtype: torch.dtype | None = None
) -> None:
    """Write a cascade with its card, whole or not at all.

    ``dtype`` (for example ``torch.float16``) stores the floating-point tensors smaller.
    """
    header = {
        "format_version": FORMAT_VERSION,
        "config": cascade.config.to_dict(),
        "card": dataclasses.asdict(card),
    }
    tensors = {key: _stored(value, dtype) for key, value in cascade.state_dict().items()}
    payload = safetensors.torch.save(tensors, metadata={HEADER_KEY: json.dumps(header)})
    write_atomically(Path(path), payload)


def load_cascade(path: Path | str, device: torch.device | str = "cpu") -> Cascade:
    """Read a cascade in float32, ready for prediction.

    Raises
    ------
    ValueError
        Where the file is missing, truncated, foreign, of a newer format or of another
        architecture than its header says.
    """
    # Here, because it imports the backbones, which takes longer than reading a card.
    from napari_iafpn.networks.cascade import Cascade

    header = _read_header(path)
    cascade = Cascade(CascadeConfig.from_dict(header["config"]))
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in safetensors.torch.load_file(path).items()
    }
    expected = cascade.state_dict()
    different = [
        key
        for key in sorted(expected.keys() | state.keys())
        if key not in expected or key not in state or expected[key].shape != state[key].shape
    ]
    if different:
        raise ValueError(
            f"the model file {path} does not fit the architecture in its header "
            f"(first difference: {different[0]}); get the file again"
        )
    cascade.load_state_dict(state)
    return cascade.eval().to(device)


def read_card(path: Path | str) -> ModelCard:
    """Read only the card of a model file."""
    card: ModelCard = from_known_keys(ModelCard, _read_header(path)["card"], "the model card")
    return card


def read_config(path: Path | str) -> CascadeConfig:
    """Read only the architecture of a model file."""
    return CascadeConfig.from_dict(_read_header(path)["config"])


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file beside its place, then move it there; a failure leaves the old file intact."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read_header(path: Path | str) -> dict[str, Any]:
    if not Path(path).is_file():
        raise ValueError(f"there is no model file at {path}; check the path")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(
            f"the model file {path} is truncated or no safetensors file ({error}); get it again"
        ) from error
    if HEADER_KEY not in metadata:
        raise ValueError(
            f"the safetensors file {path} was not written by napari-iafpn; "
            "choose a model that was exported by it"
        )
    header = _parse(metadata[HEADER_KEY], path)
    if header["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"the model file {path} has format {header['format_version']}, this version reads up "
            f"to {FORMAT_VERSION}; update napari-iafpn"
        )
    return header


def _parse(text: str, path: Path | str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except json.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or not {"format_version", "config", "card"} <= set(header):
        raise ValueError(f"the header of the model file {path} is damaged; get the file again")
    return header


def _stored(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.to(dtype) if dtype is not None and value.is_floating_point() else value
