"""Where in a zarr folder the pixels lie: NGFF 0.4 and 0.5, bioformats2raw, plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.images.opening import UnfitError, check_size, needed

_PLAIN = {"datasets": [{"path": "0"}]}

SHOWN = 4
"""Members of a group that a sentence names at most."""


def is_zarr(folder: Path) -> bool:
    """Tell whether a folder is a zarr group or array."""
    return any((folder / name).is_file() for name in (".zgroup", ".zarray", "zarr.json"))


def open_zarr(path: Path) -> Any:
    """Open the group or array in a folder."""
    zarr = needed("zarr", "OME-Zarr folders")
    if not is_zarr(path):
        raise UnfitError("it is no zarr folder")
    return zarr.open(path, mode="r")


def described(group: Any) -> Mapping[str, Any]:
    """Return what OME-Zarr says about a group, which NGFF 0.5 puts under a key of its own."""
    attributes = dict(group.attrs)
    found: Mapping[str, Any] = attributes.get("ome", attributes)
    if not isinstance(found, Mapping):
        raise UnfitError("its description of OME-Zarr is none")
    return found


def zarr_levels(path: Path) -> list[Any]:
    """Return the array in a folder, or the levels of the only image in it, the finest first."""
    node = open_zarr(path)
    levels = [node] if hasattr(node, "dtype") else _levels(image_group(node))
    for level in levels:
        check_size(level.chunks, level.dtype)
    return levels


def first_multiscale(group: Any) -> Mapping[str, Any]:
    """Return the description of the levels of an image; of a group without one its array 0."""
    found: Mapping[str, Any] = (described(group).get("multiscales") or [_PLAIN])[0]
    return found


def _levels(group: Any) -> list[Any]:
    return [member(group, each["path"]) for each in first_multiscale(group)["datasets"]]


def pixels_in(array: Any) -> NDArray[Any]:
    """Read an array into memory, if that is large enough."""
    check_size(array.shape, array.dtype)
    return np.asarray(array[...])


def member(group: Any, name: str) -> Any:
    """Return an array or group of a group; UnfitError where it is absent."""
    if name not in group:
        raise UnfitError(f"{name!r}, which belongs to it, is not there")
    return group[name]


def image_group(node: Any) -> Any:
    """Return the group of the only image in a group.

    Raises
    ------
    UnfitError
        Where it holds none or several, as plates do; says what to give instead.
    """
    said = described(node)
    if "multiscales" in said:
        return node
    if "plate" in said:
        wells = [f"{well['path']}/0" for well in said["plate"]["wells"]]
        raise _one_of("it is a plate of wells", wells)
    if "well" in said:
        raise _one_of("it is a well", [image["path"] for image in said["well"]["images"]])
    if "labels" in said:
        raise _one_of("it is a folder of labels", said["labels"])
    if "bioformats2raw.layout" in said:
        names = described(node["OME"]).get("series") if "OME" in node else None
        names = names or sorted(name for name in node.group_keys() if name.isdecimal())
        if len(names) == 1:
            return image_group(member(node, names[0]))
        raise _one_of(f"it holds {len(names)} images", names)
    if "0" in node and hasattr(node["0"], "dtype"):
        return node
    raise _one_of("it is a group that is no image itself", sorted(node.keys()))


def _one_of(what: str, names: Sequence[str]) -> UnfitError:
    such = f", such as {', '.join(names[:SHOWN])}" if names else ""
    return UnfitError(f"{what}; give the folder of one image in it{such}")
