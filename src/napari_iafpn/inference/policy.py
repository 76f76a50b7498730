"""How a prediction looks at the image, apart from the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from napari_iafpn.networks.tables import checked, one_of

PUBLISHED = "published"
CROPS = ("adaptive", PUBLISHED)


@checked
@dataclass(frozen=True)
class Policy:
    """Options of the evaluation; the defaults are what the user of the plugin gets."""

    flip: bool = False
    """Average the logits of the input and of its mirror image (columns reversed), in each level;
    costs twice."""
    crop: Annotated[str, one_of(*CROPS)] = "adaptive"
    """Region of interest. ``adaptive``: eq. (3) with the checkpoint's smallest region.
    ``published``: as in published runs, i.e. eq. (3) without a smallest region for cascades,
    ``geometry.sticky_zoom_in`` for models of one level."""
    enforce_clicks: bool = True
    """Where the network contradicts a click or a stroke, the prompt counts."""


PLUGIN = Policy()
