"""The formats of label images by name, and which one a path has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from napari_iafpn.exchange.atomic import check_folder
from napari_iafpn.exchange.beside import on_image
from napari_iafpn.exchange.label_image import LabelImage
from napari_iafpn.exchange.metadata import LabelMetadata
from napari_iafpn.images.opening import UnreadableError, opening
from napari_iafpn.images.zarr_groups import is_zarr


@dataclass(frozen=True)
class Format:
    """Where a format is written and read; modules are imported when they are needed.

    Attributes
    ----------
    title : str
    suffixes : tuple of str
        The usual one first.
    writer, reader : str
        ``module:function`` of this package; empty where there is none.
    outlines : bool
        The reader takes the metadata of the image, as such files may not tell its shape.
    folder : str
        ``module:function`` that tells whether a folder is one that the writer replaces; empty: none
        is.
    """

    title: str
    suffixes: tuple[str, ...]
    writer: str
    reader: str
    outlines: bool = False
    folder: str = ""


FORMATS = {
    "tif": Format(
        "ImageJ TIFF",
        (".tif", ".tiff"),
        "imagej_tiff:write_imagej_tiff",
        "imagej_tiff:read_tiff",
    ),
    "ome.tif": Format(
        "OME-TIFF",
        (".ome.tif", ".ome.tiff"),
        "ome_tiff:write_ome_tiff",
        "ome_tiff:read_ome_tiff",
    ),
    "ome.zarr": Format(
        "OME-Zarr",
        (".ome.zarr", ".zarr"),
        "ngff:write_ome_zarr",
        "ngff:read_ome_zarr",
        folder="ngff:is_label_zarr",
    ),
    "npz": Format("NumPy archive", (".npz",), "arrays:write_npz", "arrays:read_npz"),
    "npy": Format("NumPy array", (".npy",), "", "arrays:read_npy"),
    "png": Format(
        "16-bit PNG", (".png",), "png:write_png", "png:read_png", folder="png:is_png_stack"
    ),
    "picture": Format("Picture", (".bmp", ".webp", ".jpg", ".jpeg"), "", "png:read_png"),
    "h5": Format("HDF5 of ilastik", (".h5", ".hdf5"), "", "hdf5:read_hdf5"),
    "json": Format("COCO", (".json",), "coco:write_coco", "coco:read_coco", outlines=True),
    "zip": Format(
        "ImageJ ROIs", (".zip",), "roi_zip:write_roi_zip", "roi_zip:read_roi_zip", outlines=True
    ),
    "geojson": Format(
        "GeoJSON for QuPath",
        (".geojson",),
        "geojson:write_geojson",
        "geojson:read_geojson",
        outlines=True,
    ),
    "session": Format("Session of the plugin", (".jsonl",), "", "session:read_session_labels"),
    "csv": Format("Measurements", (".csv",), "measurements:write_measurements", ""),
}


def _later(place: str) -> Callable[..., Any]:
    """Return a function that imports the one at ``module:function`` when it is called."""

    def call(*arguments: Any) -> Any:
        module, name = place.split(":")
        return getattr(import_module(f"napari_iafpn.exchange.{module}"), name)(*arguments)

    return call


WRITERS: dict[str, Callable[[LabelImage, Path], None]] = {
    name: _later(format_.writer) for name, format_ in FORMATS.items() if format_.writer
}

READERS: dict[str, Callable[..., LabelImage]] = {
    name: _later(format_.reader) for name, format_ in FORMATS.items() if format_.reader
}


def format_of(path: Path) -> str:
    """Return the name of the format that a path's suffix or, for a folder, its content tells."""
    suffixes = {suffix: name for name, known in FORMATS.items() for suffix in known.suffixes}
    fitting = [suffix for suffix in suffixes if path.name.lower().endswith(suffix)]
    if fitting:
        return suffixes[max(fitting, key=len)]
    if path.is_dir():
        return "ome.zarr" if is_zarr(path) else "png"
    raise UnreadableError(
        f"the format of {path} is not known; end its name in {' or '.join(suffixes)}"
    )


def place_of(labels: LabelImage, path: Path, format_name: str) -> Path:
    """Return where a format writes: a stack of PNG files is a folder, without the suffix."""
    if format_name == "png" and labels.labels.ndim > 2 and path.suffix.lower() == ".png":
        return path.with_suffix("")
    return path


def check_replaceable(place: Path, format_name: str) -> None:
    """Raise ValueError where a folder is at ``place`` that a result of a format never replaces."""
    if place.is_dir():
        folder = FORMATS[format_name].folder
        if not folder:
            raise ValueError(f"{place} is a folder; give the name of a file")
        check_folder(place, _later(folder))


def writer_of(format_name: str) -> Callable[[LabelImage, Path], None]:
    """Return the writer of a format; ValueError lists the known ones."""
    return _known(format_name, WRITERS, "written")


def write_labels(labels: LabelImage, path: Path, format_name: str | None = None) -> Path:
    """Write a label image whole or not at all, in the format that its path's suffix tells.

    Returns
    -------
    The path of the file or folder, which for a stack of PNG files lacks the suffix.

    Raises
    ------
    ValueError
        Where the format is unknown or cannot hold the labels, or the disk is in the way.
    """
    name = format_name or format_of(path)
    write = writer_of(name)
    place = place_of(labels, path, name)
    write(labels, place)
    return place


def read_labels(
    path: Path, shape: tuple[int, ...] | None = None, *, image: LabelMetadata | None = None
) -> LabelImage:
    """Read a label image in any of the formats with a reader.

    Parameters
    ----------
    path : Path
    shape : tuple of int, optional
        Shape of the image, for outlines that do not tell it.
    image : LabelMetadata, optional
        What is known of the image besides its shape: the labels take from it what their file does
        not say of itself.

    Raises
    ------
    NotIdsError
        Where the file can be read, but holds no ids.
    ValueError
        Where the file is absent, damaged or of an unknown format, or the shape is missing.
    """
    with opening(path, "labels"):
        name = format_of(path)
    read = _known(name, READERS, "read")
    image = LabelMetadata(tuple(shape)) if image is None and shape is not None else image
    labels: LabelImage = read(path, image) if FORMATS[name].outlines else read(path)
    return labels if image is None else on_image(labels, image)


def _known(name: str, functions: dict[str, Callable[..., Any]], verb: str) -> Callable[..., Any]:
    if name not in functions:
        raise ValueError(
            f"the format {name!r} cannot be {verb}; choose one of {', '.join(functions)}"
        )
    return functions[name]
