"""16-bit PNG: one file for a plane, a folder of files for a stack."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.label_image import LabelImage, in_type
from napari_iafpn.exchange.opening import opening
from napari_iafpn.exchange.whole import write_file, write_folder
from napari_iafpn.images.files import read_picture

_PLANE = re.compile(r"(?P<name>.*?)(?:_t(?P<t>\d{3,}))?(?:_z(?P<z>\d{3,}))?\.png", re.IGNORECASE)


def write_png(labels: LabelImage, path: Path) -> None:
    """Write a PNG, or the folder ``path`` of PNG files such as ``NAME_z000.png``."""
    values = in_type(
        labels,
        (np.uint16,),
        "a 16-bit PNG holds up to 65535; choose ome.tif or npz, or renumber the objects",
    )
    if values.ndim == 2:
        write_file(path, lambda file: _save(values, file))
        return

    def write_planes(folder: Path) -> None:
        for index in np.ndindex(values.shape[:-2]):
            with (folder / f"{_plain(labels.plane_name(index))}.png").open("xb") as file:
                _save(values[index], file)

    write_folder(path, write_planes, replaceable=is_png_stack)


def _save(values: NDArray[np.uint16], file: BinaryIO) -> None:
    Image.fromarray(values).save(file, "PNG")


def _plain(name: str) -> str:
    """Return a name without the characters that a file name cannot have."""
    return re.sub(r'[\\/:*?"<>|]', "_", name)


def is_png_stack(folder: Path) -> bool:
    """Tell whether a folder holds planes of a stack, and nothing else."""
    matches = [_PLANE.fullmatch(file.name) for file in folder.iterdir()]
    return bool(matches) and all(match and (match["t"] or match["z"]) for match in matches)


def read_png(path: Path) -> LabelImage:
    """Read a PNG, or all PNG files of a folder: by their numbers, else by name along Z."""
    if not path.is_dir():
        return LabelImage(_grey(read_picture(path, indexed=True), path), stem(path))
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".png")
    with opening(path, "a folder of PNG files"):
        if not files:
            raise ValueError("it holds no PNG file")
        planes = [_grey(read_picture(file, indexed=True), file) for file in files]
        if len({plane.shape for plane in planes}) > 1:
            raise ValueError("its files differ in size")
        return LabelImage(*_stacked(files, planes, path.name))


def _stacked(
    files: list[Path], planes: list[NDArray[np.integer]], name: str
) -> tuple[NDArray[np.integer], str, tuple[float, ...], tuple[str, ...], str]:
    """Return the parts of a label image; planes lie where the numbers in their names say."""
    found = [_PLANE.fullmatch(file.name) for file in files]
    axes = "".join(axis for axis in "TZ" if all(m and m[axis.lower()] for m in found))
    if not axes:
        return np.stack(planes), name, (), (), "ZYX"
    places = [tuple(int(m[axis.lower()]) for axis in axes) for m in found if m]
    order = sorted(range(len(places)), key=places.__getitem__)
    sizes = [len({place[axis] for place in places}) for axis in range(len(axes))]
    if int(np.prod(sizes)) != len(places) or len(set(places)) != len(places):
        raise ValueError("planes are missing or there twice")
    stack = np.stack([planes[number] for number in order])
    names = {m["name"] for m in found if m}
    common = names.pop() if len(names) == 1 else name
    return stack.reshape(*sizes, *stack.shape[1:]), common, (), (), f"{axes}YX"


def _grey(values: NDArray[np.integer], path: Path) -> NDArray[np.integer]:
    if values.ndim == 3:
        raise ValueError(
            f"the labels {path} are a colour image; save one channel that holds the id of each "
            "pixel's object"
        )
    return values
