"""Checkpoints: safetensors with a JSON header; nothing is ever unpickled."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors

from napari_iafpn.networks.config import CascadeConfig
from napari_iafpn.networks.models import ModelCard
from napari_iafpn.networks.tables import read_json, read_table

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from napari_iafpn.networks.cascade import Cascade

FORMAT_VERSION = 1
HEADER_KEY = "napari_iafpn"
FLOATS = ("F16", "BF16", "F32", "F64")
"""What weights are read from, in the words of safetensors."""
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".bin", ".onnx")
"""Endings of models that other programs write."""


def save_cascade(
    cascade: Cascade, path: Path | str, card: ModelCard, *, dtype: torch.dtype | None = None
) -> None:
    """Write a cascade with its card, whole or not at all.

    ``dtype`` (for example ``torch.float16``) stores the floating-point tensors smaller, as far as
    its range allows.

    Raises
    ------
    ValueError
        Where a weight is not finite: such a model draws nothing.
    """
    from safetensors.torch import save

    header = {
        "format_version": FORMAT_VERSION,
        "config": cascade.config.to_dict(),
        "card": dataclasses.asdict(card),
    }
    tensors = {key: _stored(key, value, dtype) for key, value in cascade.state_dict().items()}
    payload = save(tensors, metadata={HEADER_KEY: json.dumps(header)})
    write_atomically(Path(path), payload)


def load_cascade(path: Path | str, device: torch.device | str = "cpu") -> Cascade:
    """Read a cascade in float32, ready for prediction.

    Nothing is built or allocated before the header and the shapes in the file were checked.

    Raises
    ------
    ValueError
        Where the file is missing, truncated, foreign, of a newer format or of another
        architecture than its header says, or where its weights are no numbers.
    """
    # Here, because it imports the backbones, which takes longer than reading a card.
    from napari_iafpn.networks.cascade import Cascade

    with _open(path, "pt") as file:
        config = _config(file, path)
        try:
            expected = _shapes(config)
        except ValueError as error:
            raise ValueError(f"the model file {path} cannot be used: {error}") from error
        _check_architecture(file, expected, path)
        state = {key: _read_tensor(file, key, path) for key in expected}
    cascade = Cascade(config)
    cascade.load_state_dict(state)
    return cascade.eval().to(device)


def read_card(path: Path | str) -> ModelCard:
    """Read only the card of a model file; ValueError where it is none."""
    with _open(path) as file:
        values = _header(file, path)["card"]
    try:
        return read_table(ModelCard, values, "the card")
    except ValueError as error:
        raise ValueError(f"the card of the model file {path} is wrong: {error}") from error


def read_config(path: Path | str) -> CascadeConfig:
    """Read only the architecture of a model file; ValueError where it is none."""
    with _open(path) as file:
        return _config(file, path)


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


@contextmanager
def _open(path: Path | str, framework: str = "numpy") -> Iterator[Any]:
    """Open a model file; what cannot be read, now or later, is a ValueError.

    ``framework`` is ``pt`` for tensors, which needs torch.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the .safetensors file of a model")
    if not path.is_file():
        raise ValueError(f"there is no model file at {path}; check the path")
    if not os.access(path, os.R_OK):
        raise ValueError(f"the model file {path} may not be read; change its permissions")
    try:
        with safetensors.safe_open(path, framework=framework) as file:
            yield file
    except (safetensors.SafetensorError, OSError) as error:
        if path.suffix.lower() in PICKLES:
            raise ValueError(
                f"{path} is a model of another program; only .safetensors files that napari-iafpn "
                "wrote are read, and nothing is ever unpickled"
            ) from error
        raise ValueError(
            f"the model file {path} is truncated or no safetensors file; get it again"
        ) from error


def _header(file: Any, path: Path | str) -> dict[str, Any]:
    metadata = file.metadata() or {}
    if HEADER_KEY not in metadata:
        raise ValueError(
            f"the safetensors file {path} was not written by napari-iafpn; "
            "choose a model that was exported by it"
        )
    try:
        header = read_json(metadata[HEADER_KEY])
    except ValueError:
        header = None
    if (
        not isinstance(header, dict)
        or not {"format_version", "config", "card"} <= set(header)
        or type(header["format_version"]) is not int
        or header["format_version"] < 1
    ):
        raise ValueError(f"the header of the model file {path} is damaged; get the file again")
    if header["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"the model file {path} has format {header['format_version']}, this version reads up "
            f"to {FORMAT_VERSION}; update napari-iafpn"
        )
    return header


def _config(file: Any, path: Path | str) -> CascadeConfig:
    values = _header(file, path)["config"]
    try:
        return CascadeConfig.from_dict(values)
    except ValueError as error:
        raise ValueError(f"the header of the model file {path} is wrong: {error}") from error


def _shapes(config: CascadeConfig) -> dict[str, Tensor]:
    """Return the tensors of an architecture without their memory."""
    import torch

    from napari_iafpn.networks.cascade import Cascade

    try:
        with torch.device("meta"):
            return Cascade(config).state_dict()
    except NotImplementedError:  # older timm looks at values while it builds some backbones
        return Cascade(config).state_dict()


def _check_architecture(file: Any, expected: dict[str, Tensor], path: Path | str) -> None:
    """Raise ValueError unless the file holds tensors of these names, shapes and kinds."""
    stored = set(file.keys())
    for key in sorted(expected.keys() | stored):
        if key in expected and key in stored:
            tensor, wanted = file.get_slice(key), expected[key]
            kinds = FLOATS if wanted.is_floating_point() else ("I64",)
            if tensor.get_shape() == list(wanted.shape) and tensor.get_dtype() in kinds:
                continue
        raise ValueError(
            f"the model file {path} does not fit the architecture in its header "
            f"(first difference: {key[:80]!r}); get the file again"
        )


def _read_tensor(file: Any, key: str, path: Path | str) -> Tensor:
    """Return a tensor, weights in float32."""
    value: Tensor = file.get_tensor(key)
    if not value.is_floating_point():
        return value
    value = value.float()
    negative = key.endswith("running_var") and bool((value < 0).any())
    if negative or not bool(value.isfinite().all()):
        wrong = "negative variances" if negative else "values that are no finite numbers"
        raise ValueError(
            f"the model file {path} is damaged: {key} has {wrong}, with which no mask can be "
            "drawn; get the file again"
        )
    return value


def _stored(key: str, value: Tensor, dtype: torch.dtype | None) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    if not bool(value.isfinite().all()):
        raise ValueError(
            f"{key} of the network has values that are no finite numbers; nothing was written: "
            "go back to an earlier state of the training, with a smaller learning rate"
        )
    smaller = value if dtype is None else value.to(dtype)
    return smaller if bool(smaller.isfinite().all()) else value
