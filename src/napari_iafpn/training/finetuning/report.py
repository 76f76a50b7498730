"""What a fine-tuning has come to: in a sentence, on the new model's card, and on a page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.evaluation.pages import render
from napari_iafpn.networks import ModelCard, read_card, write_atomically
from napari_iafpn.training.finetuning.counting import FULL, Overlaps
from napari_iafpn.training.finetuning.events import TELLING, ClickComparison, Clicks
from napari_iafpn.training.finetuning.state import FinetuneState, Moment
from napari_iafpn.training.forgetting import LICENCE, OLD_SHARE, WHAT
from napari_iafpn.training.state import disk_sentences

NOTICED = 0.05
"""A rise of the clicks on the original kinds by this share is mentioned as forgetting."""


def gain_sentence(gain: ClickComparison, base: str) -> str:
    """Say how the clicks on the held-out objects changed from those with the model ``base``."""
    count = gain.before.objects
    interval = f" (95 % interval of the change {gain.low:+.1f} to {gain.high:+.1f})"
    numbers = (
        f"On {count} held-out object{'s' if count > 1 else ''}: {gain.before.noc85:.1f} -> "
        f"{gain.after.noc85:.1f} clicks to 85 %{interval if count >= TELLING else ''}"
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


def replay_sentence(gain: ClickComparison) -> str:
    """Say how the clicks on the original kinds of objects changed."""
    numbers = (
        f"On {gain.before.objects} objects of the kinds it knew: {gain.before.noc85:.1f} -> "
        f"{gain.after.noc85:.1f}"
    )
    forgot = gain.change > NOTICED * gain.before.noc85
    return f"{numbers}; it has forgotten some of that." if forgot else f"{numbers}."


def stopped_sentence(before: Clicks | None, best: Moment | None, there: str = "") -> str:
    """Say what there is after a stop; ``there`` is a model that was written at an earlier one."""
    if before is None or best is None:
        model = "the model is that of the stop before" if there else "no model was written"
        return f"Stopped before anything was measured: {model}; the run can be resumed."
    change = "needs fewer" if best.yours.noc85 < before.noc85 else "does not need fewer"
    return (
        f"Stopped; the best model so far was written. On {before.objects} held-out objects: "
        f"{before.noc85:.1f} -> {best.yours.noc85:.1f} clicks to 85 %, so it {change} clicks. "
        "The run can be resumed."
    )


def finetuned_card(
    state: FinetuneState,
    yours: ClickComparison | None = None,
    replay: ClickComparison | None = None,
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


def _scores(gain: ClickComparison) -> dict[str, float]:
    after = gain.after
    scores = {"n": float(after.objects), "NoC@80": after.noc80, "NoC@85": after.noc85}
    if after.noc90 is not None:
        scores["NoC@90"] = after.noc90
    return {k: round(v, 3) for k, v in {**scores, "mIoU@1": after.miou1}.items()}


def write_reports(
    state: FinetuneState,
    sentence: str,
    yours: ClickComparison,
    replay: ClickComparison | None,
    after: Overlaps,
) -> Path:
    """Write ``NAME.json`` and ``NAME.html`` beside the model and return the first one's path."""
    path = state.request.output.with_suffix(".json")
    values = _values(state, sentence, yours, replay, after)
    rows = {"your held-out objects": yours, "objects of the kinds it knew": replay}
    page = render(
        "napari_iafpn.training.finetuning",
        "report.html.jinja",
        name=state.request.output.stem,
        minutes=state.control.clock.used / 60,
        rows=[(what, gain) for what, gain in rows.items() if gain is not None],
        **values,
    )
    with disk_sentences(path.parent):
        write_atomically(path, (json.dumps(values, indent=1) + "\n").encode())
        write_atomically(path.with_suffix(".html"), page.encode())
    return path


def _values(
    state: FinetuneState,
    sentence: str,
    yours: ClickComparison,
    replay: ClickComparison | None,
    after: Overlaps,
) -> dict[str, Any]:
    record = state.record
    before = record.before["report"]
    return {
        "sentence": sentence,
        "request": state.request.to_json(),
        "model": {"path": str(state.base), "sha256": record.model},
        "split": {
            "kind": state.split.kind,
            "training_objects": state.split.training_objects,
            "held_out_objects": state.split.held_out_objects,
            "chosen_by_reported_objects": state.split.shared,
        },
        "left_out": list(state.found.left_out),
        "yours": dataclasses.asdict(yours),
        "replay": None if replay is None else dataclasses.asdict(replay),
        "moments": [dataclasses.asdict(moment) for moment in record.moments],
        "best": record.best,
        "steps": record.steps,
        "seconds": round(state.control.clock.used, 1),
        "objects": {
            name: {
                "noc85_before": clicks_needed(before[name], 0.85, FULL.max_clicks),
                "noc85_after": clicks_needed(after[name], 0.85, FULL.max_clicks),
            }
            for name in after
        },
    }
