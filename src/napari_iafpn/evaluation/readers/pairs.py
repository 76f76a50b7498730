"""Which image file goes with which label file."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from napari_iafpn.exchange.canvas import stem as stem_of
from napari_iafpn.images.files import SUFFIXES
from napari_iafpn.images.opening import same_name

LABEL_SUFFIXES = (*SUFFIXES, ".npz", ".zip", ".geojson", ".json", ".h5", ".hdf5")
"""Label files end as images do, or as archives and outlines of other programs."""
LABEL_WORDS = (
    "cpmasks",
    "mask",
    "masks",
    "label",
    "labels",
    "labelled",
    "labeled",
    "labelimage",
    "instances",
    "segmentation",
    "objectidentities",
    "gt",
    "groundtruth",
    "rois",
    "roiset",
    "annotations",
    "simplesegmentation",
    "objectpredictions",
    "seg",
)
"""What programs append to an image's name for its labels, the likeliest first, without separators.

Last is ``seg``: Cellpose's ``_seg.npy`` is pickled, and often lies beside what can be read.
"""
OTHER_WORDS = (
    "cellprob",
    "cpoutlines",
    "cpoutput",
    "dp",
    "flows",
    "objectprobabilities",
    "outlines",
    "outlinescpmasks",
    "probabilities",
    "uncertainty",
)
"""What they append for files that are neither image nor labels."""
IMAGE_WORDS = ("img", "image", "raw", "im")
"""What they append for the image itself."""
LOSSY = (".jpg", ".jpeg")
STATE = "napari-iafpn-folder.json"
"""Says how far one got in a folder of images, or of a plate, with its name, beside it."""
STATES = (STATE, STATE.replace(".json", ".damaged.json"))
SAVED = "_labels.tif"
"""Is appended to an image's name for the labels that are made of it here."""

_ANNOTATOR = re.compile(r"_a\d+$")
_SEPARATOR = re.compile(r"[-_. ]+")


@dataclass(frozen=True)
class Pair:
    """An image and its label files: one, one per annotator, or none where none was found.

    ``name`` is unique; ``image`` and ``labels`` are paths inside their folders. ``saved`` is where
    labels that are made here are saved, if that is the same folder; no two images have the same.
    """

    name: str
    image: str
    labels: tuple[str, ...]
    saved: str = ""


def image_files(folder: Path) -> list[Path]:
    """List the image files of a folder in the order of their names; hidden ones are left out.

    Where there are none, those in its folders.
    """
    return _files(folder, SUFFIXES)


def label_files(folder: Path) -> list[Path]:
    """List the files of a folder that may hold labels, as ``image_files`` does images."""
    return _files(folder, LABEL_SUFFIXES)


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    there = sorted(path for path in folder.iterdir() if _is_visible(path))
    found = [path for path in there if _is_file(path, suffixes)]
    if found:
        return found
    inner = (path for path in there if path.is_dir() and path.suffix.lower() != ".zarr")
    return [path for each in inner for path in _files(each, suffixes)]


def _is_visible(path: Path) -> bool:
    name = path.name
    return not name.startswith(".") and name != "__MACOSX" and not name.endswith(STATES)


def _is_file(path: Path, suffixes: tuple[str, ...]) -> bool:
    suffix = path.suffix.lower()
    return suffix in suffixes and path.is_dir() == (suffix == ".zarr")


def pair_files(
    images: Path,
    labels: Path,
    *,
    annotators: bool = False,
    kept: Collection[str] = (),
    saved: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Pair, ...]:
    """Pair the images of one folder with the labels of another, or of the same one.

    Labels are called as their image, with or without its suffix, and may have one of
    ``LABEL_WORDS`` behind it; an image may carry one of ``IMAGE_WORDS``. Upper and lower case and
    the ways to write an accent make no difference where there is no better match. With
    ``annotators`` there may be several: STEM_a0, STEM_a1 ...

    In one folder labels lie beside their image, and no image is the labels of another. A file
    beside a JPEG of its stem is its labels, unless it is one of ``kept``. What was saved here comes
    before all others, ``STEM_labels.tif``, or ``NAME_labels.tif`` where images share a stem;
    ``saved`` has the names of these files as far as they are known.
    """
    found = image_files(images)
    folders = dict.fromkeys(path.parent for path in found) if images == labels else (labels,)
    bases = {base for path in found for base in _bases(_place(path, images))}
    words = {*OTHER_WORDS, *LABEL_WORDS} if images == labels else {*OTHER_WORDS}
    found = [path for path in found if not _belongs(_place(path, images), bases, words)]
    if images == labels:
        lossy = {path.with_suffix("") for path in found if path.suffix.lower() in LOSSY}
        found = [
            path
            for path in found
            if path.suffix.lower() in LOSSY
            or path.with_suffix("") not in lossy
            or _place(path, images) in kept
        ]
    names = [_place(path, images) for path in found]
    files = [_place(path, labels) for each in folders for path in label_files(each)]
    there = {*files}
    own = _saved_files(names, there, saved) if images == labels and not annotators else {}
    taken = {*names, *own.values()} if images == labels else set()
    index = _Index((name for name in files if name not in taken), annotators=annotators)
    stems = Counter([*names, *map(stem_of, found)])
    return tuple(
        Pair(
            stem if stems[stem] == 1 else name,
            name,
            (own[name],) if own.get(name) in there else index.labels_of(name),
            own.get(name, ""),
        )
        for path, name in zip(found, names, strict=True)
        for stem in [stem_of(path)]
    )


def _saved_files(
    images: Iterable[str], there: Collection[str], known: Mapping[str, str]
) -> dict[str, str]:
    """Return where the labels of each image are saved, a file of its own.

    Images that share their stem, or have shared it when they were saved, have long names.
    """
    names = {image: _saved_names(image) for image in images}
    shared = Counter(short for short, _ in names.values())
    saved: dict[str, str] = {}
    taken: set[str] = set()
    # Who has no choice comes first.
    for image in sorted(names, key=lambda each: (each not in known, shared[names[each][0]] == 1)):
        path, (short, long) = PurePosixPath(image), names[image]
        is_long = shared[short] > 1 or (long in there and long not in shared)
        before = PurePosixPath(known.get(image, "")).name
        choices = chain(
            [str(path.with_name(before))] if before.endswith(SAVED) else [],
            (long, short) if is_long else (short, long),
            (str(path.with_name(f"{path.name}{'_' * more}{SAVED}")) for more in count(1)),
        )
        saved[image] = next(name for name in choices if name not in taken)
        taken.add(saved[image])
    return saved


def _saved_names(image: str) -> tuple[str, str]:
    path = PurePosixPath(image)
    short, long = (str(path.with_name(f"{each}{SAVED}")) for each in (path.stem, path.name))
    return short, long


def unpaired_labels(pairs: Iterable[Pair], labels: Path, images: Path) -> list[str]:
    """List the label files that no image claims; of the same folder, none."""
    claimed = {name for pair in pairs for name in pair.labels}
    bases = {base for pair in pairs for base in _bases(pair.image)}
    words = {*OTHER_WORDS, *LABEL_WORDS}
    if images == labels:
        return []
    names = (_place(path, labels) for path in label_files(labels))
    return [
        name
        for name in names
        if name not in claimed and not name.endswith(".json") and not _belongs(name, bases, words)
    ]


class _Index:
    """Label files by the image names that they may belong to."""

    def __init__(self, files: Iterable[str], *, annotators: bool) -> None:
        self._files: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
        for name in files:
            stem = _without_suffix(name)
            stem = _ANNOTATOR.sub("", stem) if annotators else stem
            for base, word in _splits(stem):
                if not word or word in LABEL_WORDS:
                    rank = LABEL_WORDS.index(word) + 1 if word else 0
                    self._files[same_name(base)].append((rank, base, name))

    def labels_of(self, image: str) -> tuple[str, ...]:
        """Return the label files of an image that fit best."""
        best: dict[tuple[bool, int, int], list[str]] = defaultdict(list)
        for place, base in enumerate(_bases(image)):
            for rank, written, name in self._files[same_name(base)]:
                # A name without IMAGE_WORDS belongs to the image itself, if there is one.
                late = rank or (len(LABEL_WORDS) + 1 if place else 0)
                best[written != base, late, place].append(name)
        return tuple(dict.fromkeys(best[min(best)])) if best else ()


def _place(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(stem_of(Path(path.name))))


def _bases(image: str) -> Iterator[str]:
    """Yield what the names of an image's labels may begin with, the likeliest first."""
    stem = _without_suffix(image)
    yield stem
    yield str(PurePosixPath(image).with_suffix(""))
    yield image
    yield from (base for base, word in _splits(stem) if word in IMAGE_WORDS)


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    """Yield a name as a whole, and split at each separator into an image's name and a word."""
    yield stem, ""
    for match in _SEPARATOR.finditer(stem):
        word = _SEPARATOR.sub("", stem[match.start() :]).lower()
        yield stem[: match.start()], word


def _belongs(name: str, bases: set[str], words: set[str]) -> bool:
    """Tell whether a file is one that a program wrote for one of the images."""
    stem = _without_suffix(name)
    return any(word in words and base in bases - {stem} for base, word in _splits(stem))
