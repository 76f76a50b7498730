"""16-bit PNG: one file for a plane, a folder of files for a stack.

What an image is besides its ids lies in a text that other programs pass over; of a stack in the
first file.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from napari_iafpn.exchange.atomic import write_file, write_folder
from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.ids import ids_of, ids_of_colours
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.metadata import KEY, LabelMetadata
from napari_iafpn.images.files import read_picture
from napari_iafpn.images.opening import UnfitError, opening, sizes

_PLANE = re.compile(r"(?P<name>.*?)(?P<place>(?:_[tcz]\d{3,}){1,3})?\.png", re.IGNORECASE)

_NUMBER = re.compile(r"_([TCZ])(\d+)")
_DIGITS = re.compile(r"(\d+)")


def write_png(labels: LabelImage, path: Path) -> None:
    """Write a PNG, or the folder ``path`` of PNG files such as ``NAME_z000.png``."""
    values = in_type(
        labels,
        (np.uint16,),
        "a 16-bit PNG holds up to 65535; choose ome.tif or npz, or renumber the objects",
    )
    said = PngImagePlugin.PngInfo()
    said.add_itxt(KEY, json.dumps(labels.metadata.holder()))
    if values.ndim == 2:
        write_file(path, lambda file: _save(values, file, said))
        return

    def write_planes(folder: Path) -> None:
        for index in np.ndindex(values.shape[:-2]):
            with (folder / f"{_plain(labels.plane_name(index))}.png").open("xb") as file:
                _save(values[index], file, None if any(index) else said)

    write_folder(path, write_planes, replaceable=is_png_stack)


def _save(values: NDArray[np.uint16], file: BinaryIO, said: PngImagePlugin.PngInfo | None) -> None:
    Image.fromarray(values).save(file, "PNG", pnginfo=said)


def _plain(name: str) -> str:
    """Return a name without the characters that a file name cannot have."""
    return re.sub(r'[\\/:*?"<>|]', "_", name)


def is_png_stack(folder: Path) -> bool:
    """Tell whether a folder holds planes of a stack, and nothing else."""
    matches = [_PLANE.fullmatch(file.name) for file in folder.iterdir()]
    return bool(matches) and all(match and match["place"] for match in matches)


def read_png(path: Path) -> LabelImage:
    """Read a PNG or another picture, or a folder of PNG files: by numbers, else by name."""
    if not path.is_dir():
        with opening(path, "a picture of labels"):
            return _labels(_ids([path], path)[0], stem(path), "", path)
    with opening(path, "a folder of PNG files"):
        files = sorted(filter(_is_plane, path.iterdir()), key=_natural)
        if not files:
            raise UnfitError("it holds no PNG file")
        return _stacked(files, _ids(files, path), path.name)


def _stacked(files: list[Path], planes: NDArray[np.integer], name: str) -> LabelImage:
    """Return the planes of a folder; they lie where the numbers in their names say."""
    found = [match for file in files if (match := _PLANE.fullmatch(file.name))]
    numbers = [dict(_NUMBER.findall((match["place"] or "").upper())) for match in found]
    axes = "".join(numbers[0])
    if not axes or len(found) < len(files) or any("".join(each) != axes for each in numbers):
        return _named(files, planes, name)
    places = [tuple(int(each[axis]) for axis in axes) for each in numbers]
    counts = _counts(places, axes)
    order = sorted(range(len(places)), key=places.__getitem__)
    stack = planes[order]
    names = {match["name"] for match in found}
    common = names.pop() if len(names) == 1 else name
    labels = _labels(stack.reshape(*counts, *stack.shape[1:]), common, f"{axes}YX", files[order[0]])
    first = places[order[0]]
    return _begun(labels, name, _number(axes, first), is_first=not any(first))


def _named(files: list[Path], planes: NDArray[np.integer], name: str) -> LabelImage:
    """Return the planes of a folder whose names tell no axes, such as ``mask1.png``."""
    labels = _labels(planes, name, "", files[0])
    parts = [_DIGITS.split(file.stem) for file in files]
    if len(files) > 1 and any(len(each) == 1 for each in parts):
        note = (
            f"not all names of the planes in {name} hold a number; they are in alphabetical order"
        )
        return replace(labels, notes=(note,))
    columns = list(zip(*parts, strict=False))
    differing = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len(set(map(len, parts))) > 1 or len(differing) != 1 or differing[0] % 2 == 0:
        return labels
    numbers = [int(number) for number in columns[differing[0]]]
    gap = next((a for a, b in pairwise(numbers) if b != a + 1), None)
    if gap is not None:
        note = f"the numbers of the planes in {name} have gaps, the first one after {gap}"
        return replace(labels, notes=(f"{note}; the planes follow each other without any",))
    return _begun(labels, name, str(numbers[0]), is_first=numbers[0] == 0)


def _natural(file: Path) -> list[str | int]:
    """Return what sorts ``mask2`` before ``mask10``."""
    parts = _DIGITS.split(file.stem)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def _begun(labels: LabelImage, name: str, number: str, *, is_first: bool) -> LabelImage:
    """Note where the numbers of the planes do not begin at 0."""
    if is_first:
        return labels
    note = f"the numbers of the planes in {name} begin at {number}, which is now the first plane"
    return replace(labels, notes=(note,))


def _counts(places: list[tuple[int, ...]], axes: str) -> list[int]:
    """Return how many planes lie along each of the axes; UnfitError where one is not there."""
    known = set(places)
    if len(known) < len(places):
        raise UnfitError("two of its files are the same plane")
    ranges = [range(min(each), max(each) + 1) for each in zip(*places, strict=True)]
    absent = next((place for place in product(*ranges) if place not in known), None)
    if absent is not None:
        raise UnfitError(f"its plane {_number(axes, absent)} is not there")
    return [len(each) for each in ranges]


def _number(axes: str, place: tuple[int, ...]) -> str:
    return "".join(f"_{axis.lower()}{n:03d}" for axis, n in zip(axes, place, strict=True))


def _is_plane(file: Path) -> bool:
    return file.suffix.lower() == ".png" and not file.name.startswith(".")


def _labels(values: NDArray[np.integer], name: str, axes: str, first: Path) -> LabelImage:
    """Return labels with the metadata in their ``first`` file, if they are those of the pixels."""
    with Image.open(first) as picture:
        picture.load()  # the text may lie behind the pixels
        said = LabelMetadata.found(picture.info.get(KEY))
    if said.shape == values.shape and axes in ("", said.letters):
        return LabelImage.of(values, name, said)
    if axes == said.letters and said.shape[-2:] == values.shape[-2:]:
        raise UnfitError(f"it was written with {sizes(said.shape)} pixels and has not all planes")
    return LabelImage(values, name, axes=axes)


def _ids(files: list[Path], source: Path) -> NDArray[np.integer]:
    """Return the (planes, H, W) ids in the files of ``source``; a colour has one id in all."""
    planes = [read_picture(file, indexed=True) for file in files]
    if len({plane.shape for plane in planes}) > 1:
        raise UnfitError("its files differ in size")
    values = np.stack(planes)
    return (ids_of_colours if values.ndim == 4 else ids_of)(values, str(source))
