"""NumPy's files: everything in one archive, or plain ids; nothing is ever unpickled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_iafpn.exchange.atomic import write_file
from napari_iafpn.exchange.canvas import stem
from napari_iafpn.exchange.ids import NotIdsError, ids_of
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.files import map_npy
from napari_iafpn.images.opening import UnfitError, check_size, opening


def write_npz(labels: LabelImage, path: Path) -> None:
    """Write labels, name, axes, scale, units, translate, as JSON classes, what was found."""
    classes = json.dumps({str(label): name for label, name in labels.classes.items()})
    proposed = sorted(label for label in labels.proposed if 0 < label <= labels.largest)
    write_file(
        path,
        lambda file: np.savez_compressed(
            file,
            labels=labels.labels,
            name=np.array(labels.name),
            scale=np.array(labels.scale),
            units=np.array(labels.units),
            axes=np.array(labels.metadata.axes),
            translate=np.array(labels.translate),
            classes=np.array(classes),
            found=np.array(proposed, labels.labels.dtype),
        ),
    )


def read_npz(path: Path) -> LabelImage:
    """Read an archive; without ``labels`` in it, its only array."""
    with opening(path, "an NPZ of labels"), path.open("rb") as file:
        with np.load(file, allow_pickle=False) as archive:
            check_size((sum(entry.file_size for entry in archive.zip.infolist()),), np.uint8)
            content = dict(archive)
        if "labels" not in content and len(content) != 1:
            raise UnfitError(f"it holds {', '.join(content) or 'nothing'}, and no array labels")
        classes = json.loads(str(content.get("classes", "{}")))
        values = content["labels"] if "labels" in content else next(iter(content.values()))
        metadata = LabelMetadata(
            values.shape,
            str(content.get("axes", "")),
            tuple(float(size) for size in content.get("scale", ())),
            tuple(str(unit) for unit in content.get("units", ())),
            tuple(float(place) for place in content.get("translate", ())),
            {int(label): str(name) for label, name in classes.items()},
            frozenset(int(label) for label in content.get("found", ())),
        )
        ids = ids_of(values, str(path))
        return LabelImage.of(ids, str(content.get("name", stem(path))), metadata)


def is_pickled(path: Path) -> bool:
    """Tell whether an NPY holds Python objects, by its header; nothing is unpickled."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        return bool(read(file)[2].hasobject)


def read_npy(path: Path) -> LabelImage:
    """Read the ids of a plain array."""
    with opening(path, "an NPY of labels"):
        if is_pickled(path):
            raise NotIdsError(
                f"{path} is a pickled Python object, as Cellpose's _seg.npy is, which could run "
                "any program when it is opened; save the masks as PNG or TIFF (NAME_cp_masks.png)"
            )
        return LabelImage(ids_of(np.array(map_npy(path)), str(path)), stem(path))
