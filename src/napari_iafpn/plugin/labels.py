"""A Labels layer that receives objects: ids, areas, and changes that can be taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from napari_iafpn.plugin.layers import layer_id, placement, spatial_shape
from napari_iafpn.sessions import PixelChange, PlaneKey

BLOCK_PIXELS = 2**24


class LabelsLayer:
    """A `LabelsTarget` that writes into a napari layer.

    Parameters
    ----------
    layer : Labels
        Of a numpy array, or of anything else that slices can be written to, such as zarr.
    painted : callable
        Told the change when the user painted on the layer with napari's own tools.
    """

    def __init__(
        self, layer: Labels, painted: Callable[[LabelsLayer, PixelChange], None] | None = None
    ) -> None:
        self.layer = layer
        self._painted = painted
        self._top: int | None = None
        self._areas: Counter[int] | None = None
        layer.events.paint.connect(self._on_paint)
        layer.events.data.connect(self._forget)

    @classmethod
    def new_for(cls, image: Image, **options: Any) -> LabelsLayer:
        """Make an empty layer that lies on ``image``."""
        data = np.zeros(spatial_shape(image), np.int32)
        name = options.pop("name", f"Objects of {image.name}")
        return cls(Labels(data, name=name, **placement(image)), **options)

    @property
    def id(self) -> str:
        """What the history calls it."""
        return layer_id(self.layer)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return str(self.layer.name)

    @property
    def data(self) -> Any:
        """The pixels."""
        return self.layer.data

    @property
    def areas(self) -> Counter[int]:
        """Pixels of each id; counted once, then kept up to date."""
        if self._areas is None:
            self._areas = Counter()
            for rows in _blocks(self.layer.data):
                ids, counts = np.unique(rows, return_counts=True)
                self._areas.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
            del self._areas[0]
        return self._areas

    def next_label(self, plane: PlaneKey | None = None) -> int:
        """Return one more than the highest id.

        Scripts may write without telling the layer; what they wrote on ``plane`` is seen.
        """
        if plane is not None and int(np.max(self.layer.data[plane.indices])) > self._highest:
            self._forget()
        return self._highest + 1

    @property
    def _highest(self) -> int:
        if self._top is None:
            self._top = max((int(rows.max()) for rows in _blocks(self.layer.data)), default=0)
        return self._top

    def check(self, plane: PlaneKey, label: int) -> None:
        """Raise ValueError unless ``label`` can be written on ``plane``."""
        data = self.layer.data
        if not _is_writable(data):
            raise ValueError(
                f"the labels {self.name!r} cannot be written, they are read-only or computed; "
                "choose a new layer"
            )
        if data.ndim != len(plane.indices):
            raise ValueError(
                f"the labels {self.name!r} have another shape now, {data.shape}; choose a new layer"
            )
        limit = np.iinfo(data.dtype).max
        if label > limit:
            raise ValueError(
                f"the labels {self.name!r} are full: {np.dtype(data.dtype).name} ends at {limit} "
                f"and the next object is {label}; choose a new layer"
            )

    def region_of(self, label: int) -> tuple[slice, ...] | None:
        """Return the box of an id in all planes, None where it is not there."""
        there = np.asarray(self.layer.data) == label
        region = []
        for axis in range(there.ndim):
            others = tuple(a for a in range(there.ndim) if a != axis)
            places = np.flatnonzero(there.any(axis=others))
            if not len(places):
                return None
            region.append(slice(int(places[0]), int(places[-1]) + 1))
        return tuple(region)

    def apply(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values after; ValueError, and nothing written, where it cannot."""
        self._write(changes, lambda change: change.apply(self.layer.data))

    def revert(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values before; ValueError, and nothing written, where it cannot."""
        self._write(changes[::-1], lambda change: change.revert(self.layer.data))

    def _write(self, changes: Iterable[PixelChange], write: Callable[[PixelChange], None]) -> None:
        changes = tuple(changes)
        for change in changes:
            self._check_region(change)
        for change in changes:
            before = np.array(self.layer.data[change.region])
            write(change)
            self._count(before, np.asarray(self.layer.data[change.region]))
        self.layer.refresh()

    def _check_region(self, change: PixelChange) -> None:
        data = self.layer.data
        inside = data.ndim == len(change.region) and all(
            part.stop <= size for part, size in zip(change.region, data.shape, strict=True)
        )
        if not (inside and _is_writable(data)):
            raise ValueError(
                f"the labels {self.name!r} have another shape now, {data.shape}, or are read-only; "
                "bring the old ones back, or choose a new layer"
            )

    def _count(self, before: Any, after: Any) -> None:
        """Keep what is known of the ids up to date with a region that changed."""
        if self._top is not None:
            gone = (before == self._top).any() and not (after == self._top).any()
            self._top = None if gone else max(self._top, int(after.max()))
        if self._areas is not None:
            for values, sign in ((before, -1), (after, 1)):
                ids, counts = np.unique(values, return_counts=True)
                for label, count in zip(ids.tolist(), counts.tolist(), strict=True):
                    if label:
                        self._areas[label] += sign * count

    def _on_paint(self, event: Any) -> None:
        change = _change_of(self.layer.data, event.value)
        if change is not None and self._painted is not None:
            self._painted(self, change)
        self._forget()  # napari may write only after it told

    def _forget(self, _event: Any = None) -> None:
        self._top = self._areas = None


def _blocks(data: Any) -> Iterator[Any]:
    """Yield an array in parts along its first axis, each of a bearable size."""
    pixels = int(np.prod(data.shape[1:], dtype=np.int64))
    step = max(1, BLOCK_PIXELS // max(pixels, 1))
    for start in range(0, data.shape[0], step):
        part = np.asarray(data[start : start + step])
        if part.size:
            yield part


def _is_writable(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return bool(data.flags.writeable)
    return hasattr(data, "__setitem__") and not hasattr(data, "dask")


def _change_of(data: Any, atoms: Iterable[Any]) -> PixelChange | None:
    """Return what strokes of napari's tools changed; None where it is nothing.

    Newer versions of napari tell of a stroke as a region, a mask and old values, older ones as
    indices and old values.
    """
    atoms = list(atoms)
    boxes = [_box_of(atom, data.shape) for atom in atoms]
    if not boxes:
        return None
    region = tuple(
        slice(min(part.start for part in parts), max(part.stop for part in parts))
        for parts in zip(*boxes, strict=True)
    )
    # Single strokes are told before they are written, others after.
    before = np.array(data[region])
    for atom in reversed(atoms):
        _replay(before, atom, region, new=False)
    after = before.copy()
    for atom in atoms:
        _replay(after, atom, region, new=True)
    return None if np.array_equal(before, after) else PixelChange.of(region, before, after)


def _box_of(atom: Any, shape: tuple[int, ...]) -> tuple[slice, ...]:
    if hasattr(atom, "slice_key"):
        return tuple(
            slice(*part.indices(size)[:2]) if isinstance(part, slice) else slice(part, part + 1)
            for part, size in zip(atom.slice_key, shape, strict=True)
        )
    indices = np.broadcast_arrays(*(np.asarray(axis) for axis in atom[0]))
    return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in indices)


def _replay(values: Any, atom: Any, region: tuple[slice, ...], *, new: bool) -> None:
    """Write an atom's new or old values into ``values``, which cover ``region``."""
    if not hasattr(atom, "slice_key"):
        pairs = zip(atom[0], region, strict=True)
        values[tuple(np.asarray(axis) - whole.start for axis, whole in pairs)] = atom[1 + new]
        return
    key = tuple(
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(_box_of(atom, (2**62,) * len(region)), region, strict=True)
    )
    written = atom.new_value if new else atom.old_values
    if atom.mask is None:
        values[key] = written
    else:
        values[key][atom.mask] = written
