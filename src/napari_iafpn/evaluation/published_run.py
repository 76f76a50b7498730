"""The numbers of an evaluation beside the published ones, and whether they may be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.published import PublishedNumber, PublishedSet, published
from napari_iafpn.evaluation.report.numbers import ABOUT

WORDS = {
    "GrabCut": r"grab_?cut",
    "Berkeley": r"berkeley",
    "DAVIS": r"davis(?:20)?\d*",
    "SBD": r"sbd",
    "VOC": r"(?:pascal_?)?voc(?:20)?\d*|pascal",
    "COCO_MVal": r"(?:coco_?)?mval",
    "ssTEM": r"sstem",
    "BraTS": r"brats\d*",
    "HQSeg44K": r"hqseg44k",
    "MVTec": r"mvtec",
    "COD10K": r"cod10k",
}
"""What a folder's name must hold, as a word of its own, to be taken for a published set."""
DEFAULT_METHODS = ("IA-FPN", "RITM")
ALL = "all"


@dataclass(frozen=True)
class Beside:
    """One set of a run and what is published for it.

    Attributes
    ----------
    key : str
        Set and view, as in ``results.json``.
    published_set : str
    numbers : mapping of model to mapping of metric to number
        Of the run; None where the run does not tell a metric.
    entries : tuple of Entry
    differences : tuple of str
        Why the run's numbers cannot be compared; empty where they can.
    """

    key: str
    published_set: str
    numbers: Mapping[str, Mapping[str, float | None]]
    entries: tuple[PublishedNumber, ...]
    differences: tuple[str, ...]

    @property
    def metrics(self) -> list[str]:
        """The metrics that both the run and a publication have."""
        own = {metric for numbers in self.numbers.values() for metric in numbers}
        return sorted({entry.metric for entry in self.entries} & own)


def beside_published(run: Path, against: Sequence[str] = ()) -> list[Beside]:
    """Return the sets of a run that are published ones.

    Parameters
    ----------
    run : Path
        Folder with the ``results.json`` of an evaluation.
    against : sequence of str
        Methods, or parts of their names; "all" for every one. Default: the paper's and RITM.

    Raises
    ------
    ValueError
        Where the folder holds no results, no set is a published one, or a method is unknown.
    """
    results = read_results(run)
    provenance = results.pop(ABOUT)
    methods = find_methods(against)
    keys = list(dict.fromkeys(key for sets in results.values() for key in sets))
    found = []
    for key in keys:
        name = match_set(key.split("@view")[0])
        if name is None:
            continue
        numbers = {model: sets[key] for model, sets in results.items() if key in sets}
        entries = tuple(e for e in published().entries if e.set == name and e.method in methods)
        differences = find_differences(key, numbers, provenance, published().sets[name], entries)
        found.append(Beside(key, name, numbers, entries, tuple(differences)))
    if not found:
        raise ValueError(
            f"no set of the run ({', '.join(keys)}) is a published one; evaluate one of "
            f"{', '.join(WORDS)}, in a folder of that name or given as NAME=FORMAT:PATH"
        )
    return found


def read_results(run: Path) -> dict[str, Any]:
    """Return the content of a run's ``results.json``."""
    path = run / "results.json"
    if not path.is_file():
        raise ValueError(f"there is no results.json in {run}; give the folder of an evaluation")
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no valid JSON ({error}); evaluate again") from error
    if not isinstance(results, dict) or "options" not in results.get(ABOUT, {}):
        raise ValueError(f"{path} is no result of an evaluation; give the folder of one")
    return results


def match_set(name: str) -> str | None:
    """Return the published set that a set's name stands for, None where it is none."""
    plain = re.sub(r"[\W_]+", "_", name.lower())
    for published_name, word in WORDS.items():
        if re.search(rf"(?<![a-z0-9])(?:{word})(?![a-z0-9])", plain):
            return published_name
    return None


def find_methods(against: Sequence[str]) -> set[str]:
    """Return the published methods that are called, or else hold, one of ``against``."""
    known = sorted({entry.method for entry in published().entries if entry.set})
    found: set[str] = set()
    for wanted in against or DEFAULT_METHODS:
        exact = {method for method in known if method.lower() == wanted.lower()}
        fitting = exact or {m for m in known if wanted == ALL or wanted.lower() in m.lower()}
        if not fitting:
            raise ValueError(
                f"nothing is published here for method {wanted!r}; "
                f"choose among {', '.join(known)}, or {ALL}"
            )
        found |= fitting
    return found


def find_differences(
    key: str,
    numbers: Mapping[str, Mapping[str, Any]],
    provenance: Mapping[str, Any],
    published_set: PublishedSet,
    entries: Sequence[PublishedNumber] = (),
) -> list[str]:
    """Return a sentence for everything in which a run differs from the published protocol."""
    from napari_iafpn.evaluation.protocol import PRESETS, Protocol

    paper = asdict(PRESETS["paper"])
    options = {**asdict(Protocol()), **provenance["options"]}  # what is not said has its default
    differences = []
    if options.get("preset") != "paper":
        differences.append(
            f"the preset is {options.get('preset')}, published numbers need --preset paper"
        )
    changed = [
        f"{name} {options.get(name)} (published: {value})"
        for name, value in paper.items()
        if name not in ("preset", "jitter", "seed", "target") and options.get(name) != value
    ]
    if options.get("target", 0) < paper["target"]:
        changed.append(f"target {options.get('target')} (published: {paper['target']})")
    if changed:
        differences.append(f"options differ: {', '.join(changed)}")
    if options.get("target", 0) <= 1 and any(e.metric.startswith("mIoU") for e in entries):
        differences.append("mIoU@k is published without stopping, which needs a target above 1")
    if "@view" in key:
        differences.append("the model was shown a part of the image, not the whole")
    counts = sorted({int(values["n"]) for values in numbers.values()})
    expected = published_set.objects
    if not expected:
        differences.append("how many objects the published evaluation has is not known")
    elif not set(counts) <= set(expected):
        differences.append(
            f"{' or '.join(map(str, counts))} objects instead of {' or '.join(map(str, expected))}"
        )
    return differences
