"""When a model learns from committed objects, and what is said about it."""

from __future__ import annotations

from napari_iafpn.training.finetuning import ClickComparison

EVERY = 10
"""After so many more objects the model learns."""
LEAST_PIXELS = 24
"""Of an object: fewer teach nothing."""
TRIED = 5
"""So many objects that were committed since decide whether the new model is taken, at least."""


def is_better(gain: ClickComparison) -> bool:
    """Tell whether a new model is taken: fewer clicks, or as many and better first masks.

    The masks that it is tried on are those of the model in use, as far as the user let them pass,
    and that one finds them again too easily. So clicks are counted to 80 %, not to 85 %.
    """
    before, after = gain.before, gain.after
    return (after.noc80, -after.miou1) < (before.noc80, -before.miou1)


def learned_sentence(gain: ClickComparison, objects: int) -> str:
    """Say in one line what a model that learned from so many objects has come to."""
    before, after = gain.before, gain.after
    numbers = (
        f"{before.noc80:.1f} -> {after.noc80:.1f} clicks on the {before.objects} since"
        if before.noc80 != after.noc80
        else f"{before.miou1:.0%} -> {after.miou1:.0%} overlap after the first click"
    )
    kept = "" if is_better(gain) else "; the model stays as it was"
    return f"Learned from {objects} objects: {numbers}{kept}."
