"""The card of a retrained model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from napari_iafpn.networks import ModelCard, read_card
from napari_iafpn.training.finetuning.gain import Gain
from napari_iafpn.training.finetuning.state import FinetuneState
from napari_iafpn.training.finetuning.wording import gain_sentence, replay_sentence
from napari_iafpn.training.mixing import OLD_SHARE
from napari_iafpn.training.replay import LICENCE, WHAT


def finetuned_card(
    state: FinetuneState, yours: Gain | None = None, replay: Gain | None = None
) -> ModelCard:
    """Return the card: where the model comes from, its data, and what was gained."""
    request, found = state.request, state.found
    base = read_card(state.base)
    name = base.name if base.name != "unnamed" else state.base.stem
    own = {
        "name": f"{found.count} objects in {len(found.usable)} own images",
        "licence": "as the owner of the images decides",
        "source": request.images.resolve().name,
    }
    replayed = {"name": WHAT, "licence": LICENCE, "source": "bundled with napari-iafpn"}
    notes = [f"Retrained from {name}, SHA-256 {state.record.model}."]
    if request.replay:
        notes.append(f"{OLD_SHARE:.0%} of each weight is that of {name}, against forgetting.")
    if yours is not None:
        notes.append(gain_sentence(yours, Path(request.model).stem))
    if replay is not None:
        notes.append(replay_sentence(replay))
    return dataclasses.replace(
        base,
        name=request.output.stem,
        description=f"{name}, retrained on {own['name']}.",
        licence=f"what the licence of the own images allows, and that of {name}: {base.licence}",
        training_data=(*base.training_data, own, *([replayed] if request.replay else [])),
        recipe="fine-tuning",
        recipe_hash=request.digest,
        scores={} if yours is None else {"held-out objects": _scores(yours)},
        notes=tuple(notes),
    )


def _scores(gain: Gain) -> dict[str, float]:
    after = gain.after
    scores = {"n": float(after.objects), "NoC@80": after.noc80, "NoC@85": after.noc85}
    if after.noc90 is not None:
        scores["NoC@90"] = after.noc90
    return {k: round(v, 3) for k, v in {**scores, "mIoU@1": after.miou1}.items()}
