"""What users say to proposals, as steps; nothing is changed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_iafpn.geometry import Box
from napari_iafpn.sessions.actions import Known, Target
from napari_iafpn.sessions.objects import CurrentObject, OpenedProposal
from napari_iafpn.sessions.pixels import painted
from napari_iafpn.sessions.plane_key import PlaneKey
from napari_iafpn.sessions.proposals import (
    ACCEPTED,
    OPEN,
    REJECTED,
    TAKEN,
    FoundObject,
    Verdict,
)
from napari_iafpn.sessions.steps import (
    ACCEPT,
    LabelsChange,
    ObjectChange,
    ObjectStats,
    StatsChange,
    Step,
)


def accept_step(
    plane: PlaneKey, target: Target, accepted: Mapping[int, Sequence[FoundObject]], known: Known
) -> Step:
    """Write proposals of a plane into labels, each under its id; those of one id become one object.

    Pixels of other objects stay theirs.

    Raises
    ------
    ValueError
        Where no pixel of one is free.
    """
    pixels, facts = [], []
    for label, proposals in accepted.items():
        for each in proposals:
            change = painted(target.data, plane, each.mask, label)
            if change is None:
                raise ValueError(
                    "every pixel of this proposal belongs to other objects already; reject it"
                )
            pixels.append(change)
        before = known.get((target.id, label))
        quality = min(each.quality for each in proposals)
        after = ObjectStats(
            proposals[0].category,
            clicks=before.clicks if before else 0,
            seconds=before.seconds if before else 0.0,
            found=True,
            quality=round(quality, 3),
        )
        facts.append(StatsChange(target.id, label, before, after))
    return Step(
        ACCEPT,
        plane,
        labels=(LabelsChange(target.id, tuple(pixels)),),
        facts=tuple(facts),
        verdicts=tuple(
            Verdict(each.number, OPEN, ACCEPTED)
            for proposals in accepted.values()
            for each in proposals
        ),
    )


def reject_step(plane: PlaneKey, rejected: Sequence[FoundObject]) -> Step:
    """Say no to proposals."""
    verdicts = tuple(Verdict(each.number, OPEN, REJECTED) for each in rejected)
    return Step("reject", plane, verdicts=verdicts)


def open_step(
    now: CurrentObject, fresh: CurrentObject, found: FoundObject, view: Box | None = None
) -> Step:
    """Make a proposal the current object, with its clicks and its mask as they are.

    ``view`` is where further clicks look for it.

    Raises
    ------
    ValueError
        Where the current object is not finished.
    """
    if not now.is_untouched:
        raise ValueError("keep or discard the object at work before you correct a proposal")
    after = CurrentObject(
        fresh.number,
        found.clicks,
        fresh.threshold,
        view,
        opened=OpenedProposal(found.number, found.mask, found.clicks),
    )
    return Step(
        "open",
        found.plane,
        (ObjectChange(found.plane, now, after),),
        verdicts=(Verdict(found.number, OPEN, TAKEN),),
    )


def close_step(
    plane: PlaneKey, now: CurrentObject, fresh: CurrentObject, verdict: str = OPEN
) -> Step:
    """Leave the opened proposal as it was found, or with ``verdict`` reject it."""
    assert now.opened is not None
    return Step(
        "put back" if verdict == OPEN else "reject",
        plane,
        (ObjectChange(plane, now, fresh),),
        verdicts=(Verdict(now.opened.proposal, TAKEN, verdict),),
    )
