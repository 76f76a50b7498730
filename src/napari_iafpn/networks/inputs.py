"""Prompts as the arrays that a level's graph takes, whatever engine runs it."""

from __future__ import annotations

from napari_iafpn.geometry.arrays import Array
from napari_iafpn.prompts import PromptTensors, prompt_maps


def graph_inputs(image: Array, prompts: PromptTensors, radius: float) -> tuple[Array, Array, Array]:
    """Return the prompts' maps (B, 2, H, W), the pixels (B, M, 2) of the nodes and which are valid.

    Raises
    ------
    ValueError
        Where the sides of ``image`` (B, 3, H, W) are no multiples of 32.
    """
    size = (image.shape[-2], image.shape[-1])
    if size[0] % 32 or size[1] % 32:
        raise ValueError(
            f"the network got an input of {size[0]} x {size[1]}; "
            "both sides must be multiples of 32: resize it with geometry.network_size"
        )
    prompts = prompts.inside(size)
    return prompt_maps(prompts, size, radius), prompts.pixels(size), prompts.node_valid
