"""What was gained, in words."""

from __future__ import annotations

from napari_iafpn.training.finetuning.gain import Clicks, Gain
from napari_iafpn.training.finetuning.record import Moment

NOTICED = 0.05
"""A rise of the clicks on the original kinds by this share is mentioned as forgetting."""


def gain_sentence(gain: Gain, base: str) -> str:
    """Say how the clicks on the held-out objects changed from those with the model ``base``."""
    numbers = (
        f"On {gain.before.objects} held-out objects: {gain.before.noc85:.1f} -> "
        f"{gain.after.noc85:.1f} clicks to 85 % (95 % interval of the change "
        f"{gain.low:+.1f} to {gain.high:+.1f})"
    )
    if gain.verdict == "better":
        return f"{numbers}."
    if gain.verdict == "worse":
        return f"{numbers}. The new model is worse. Keep “{base}”."
    if gain.change > 0:
        return f"{numbers}. The new model is rather worse than better. Keep “{base}”."
    if gain.change == 0:
        return f"{numbers}. Nothing was gained. Keep “{base}”."
    return f"{numbers}. These objects are too few to tell whether it is better."


def replay_sentence(gain: Gain) -> str:
    """Say how the clicks on the original kinds of objects changed."""
    numbers = (
        f"On {gain.before.objects} objects of the kinds it knew: {gain.before.noc85:.1f} -> "
        f"{gain.after.noc85:.1f}"
    )
    forgot = gain.change > NOTICED * gain.before.noc85
    return f"{numbers}; it has forgotten some of that." if forgot else f"{numbers}."


def stopped_sentence(before: Clicks | None, best: Moment | None) -> str:
    """Say what there is after a stop."""
    if before is None or best is None:
        return "Stopped before anything was measured: no model was written; the run can be resumed."
    change = "needs fewer" if best.yours.noc85 < before.noc85 else "does not need fewer"
    return (
        f"Stopped; the best model so far was written. On {before.objects} held-out objects: "
        f"{before.noc85:.1f} -> {best.yours.noc85:.1f} clicks to 85 %, so it {change} clicks. "
        "The run can be resumed."
    )
