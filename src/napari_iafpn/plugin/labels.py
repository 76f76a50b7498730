"""A Labels layer that receives objects: ids, areas, and changes that can be taken back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_iafpn.geometry import Box
from napari_iafpn.plugin.label_index import LabelIndex
from napari_iafpn.plugin.layers import layer_id, placement
from napari_iafpn.plugin.levels import Region, levels_of, write
from napari_iafpn.plugin.redraw import redraw, shown_values
from napari_iafpn.plugin.stores import blank_labels
from napari_iafpn.sessions import PixelChange, PlaneKey
from napari_iafpn.sessions.pixels import region_of

logger = logging.getLogger(__name__)

QUICK_PIXELS = 2**24
"""A plane of so many pixels is looked at in a few milliseconds."""

Values = NDArray[Any]


class LabelsLayer:
    """A `LabelsTarget` that writes into a napari layer.

    Parameters
    ----------
    layer : Labels
        Of a numpy array, or of anything else that slices can be written to, such as zarr; of
        one, or of a pyramid of them.
    painted : callable
        Told the change when the user painted on the layer with napari's own tools; returns whether
        it became a step of the history.
    """

    def __init__(
        self, layer: Labels, painted: Callable[[LabelsLayer, PixelChange], bool] | None = None
    ) -> None:
        self.layer = layer
        self._painted = painted
        self._recorded: list[Any] = []  # how napari's strokes up to the newest step begin
        self._known: LabelIndex | None = None
        self._is_read_again = False
        for emitter, callback in self._events():
            emitter.connect(callback)

    def close(self) -> None:
        """Let go of the layer."""
        for emitter, callback in self._events():
            emitter.disconnect(callback)

    def _events(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        events = self.layer.events
        return (
            (events.paint, self._on_paint),
            (events.data, self._forget),
            (events.set_data, self._on_read),
        )

    @classmethod
    def new_for(cls, image: Image, folder: Path, **options: Any) -> LabelsLayer:
        """Make an empty layer that lies on ``image``.

        Parameters
        ----------
        image : Image
        folder : Path
            Where labels are kept that are too large for the memory; see `blank_labels`.
        **options
            ``name`` of the layer, and what the class takes.

        Raises
        ------
        ValueError
            Where that folder cannot be written to, or zarr is missing.
        """
        name = options.pop("name", f"Objects of {image.name}")
        data = blank_labels(image, folder)
        is_pyramid = isinstance(data, list)
        layer = Labels(data, name=name, multiscale=is_pyramid, **placement(image))
        target = cls(layer, **options)
        target._known = LabelIndex(target.data)
        return target

    @property
    def id(self) -> str:
        """What the history calls it."""
        return layer_id(self.layer)

    @property
    def name(self) -> str:
        """What the user calls it."""
        return str(self.layer.name)

    @property
    def unseen(self) -> str:
        """A sentence where the layer is hidden or fully transparent; else empty."""
        if self.layer.visible and self.layer.opacity:
            return ""
        how = "transparent" if self.layer.visible else "hidden"
        return f"The layer {self.name!r} is {how}; show it to see the object."

    @property
    def levels(self) -> list[Any]:
        """The arrays, from the finest to the coarsest."""
        return levels_of(self.layer.data, multiscale=self.layer.multiscale)

    @property
    def data(self) -> Any:
        """The pixels, at full resolution."""
        return self.levels[0]

    @property
    def areas(self) -> Counter[int]:
        """Pixels of each id."""
        return self._index.areas

    @property
    def has_objects(self) -> bool:
        """Whether there is a pixel of any; what scripts wrote without telling is found, too."""
        return bool(self.areas or LabelIndex.of(self.data).areas)

    @property
    def _index(self) -> LabelIndex:
        if self._known is None:
            self._known = LabelIndex.of(self.data)
        return self._known

    def next_label(self, plane: PlaneKey | None = None) -> int:
        """Return one more than the highest id.

        Scripts may write without telling the layer. What they wrote on ``plane``, the one that is
        displayed, is seen at once where that is quick, else as soon as napari has read the layer
        again, which is also when it gets visible.
        """
        if plane is not None and (self._is_read_again or self._is_quick(plane)):
            quick = self._is_quick(plane)
            values = np.asarray(self.data[plane.indices]) if quick else shown_values(self.layer)
            if np.max(values, initial=0) > self._index.highest:
                self._forget()
            self._is_read_again = False
        return self._index.highest + 1

    def check(self, plane: PlaneKey, label: int, box: Box | None = None) -> None:
        """Raise ValueError unless ``label`` can be written in a box of ``plane``, or all of it."""
        if len(plane.indices) == self.data.ndim:
            region = region_of(plane, box or Box.whole(plane.shape_in(self.data.shape)))
        else:
            region = ()
        self._check(region, (label,))

    def _check(self, region: tuple[slice, ...], ids: Iterable[int]) -> None:
        """Raise ValueError unless ids can be written to a region."""
        data = self.data
        if not all(map(_is_writable, self.levels)):
            raise ValueError(
                f"the labels {self.name!r} cannot be written, they are read-only or computed; "
                "choose a new layer"
            )
        inside = data.ndim == len(region) and all(
            part.start >= 0 and part.stop <= size
            for part, size in zip(region, data.shape, strict=True)
        )
        if not inside:
            raise ValueError(
                f"the labels {self.name!r} have another shape now, {tuple(data.shape)}; bring the "
                "old ones back, or choose a new layer"
            )
        dtype = np.asarray(data[(slice(0, 0),) * data.ndim]).dtype  # some stores have their own
        limits = np.iinfo(dtype if dtype.kind in "iu" else np.uint8)
        for label in ids:
            if not limits.min <= label <= limits.max:
                raise ValueError(
                    f"the labels {self.name!r} are full: {dtype.name} ends at {limits.max} and "
                    f"this object is {label}; choose a new layer"
                )

    def region_of(self, label: int) -> tuple[slice, ...] | None:
        """Return the box of an id in all planes, None where it is not there."""
        return self._index.box_of(label)

    def region_on(self, plane: PlaneKey, label: int) -> tuple[slice, ...]:
        """Return a part of a plane outside which an id is not; empty where it is nowhere.

        That is the whole plane where it is quickly looked at, so what scripts wrote is found.
        """
        whole = region_of(plane, Box.whole(plane.shape_in(self.data.shape)))
        if self._is_quick(plane):
            return whole
        box = self._index.box_of(label) or (slice(0, 0),) * len(whole)
        return tuple(
            slice(max(a.start, b.start), max(min(a.stop, b.stop), a.start, b.start))
            for a, b in zip(whole, box, strict=True)
        )

    def nearest_plane(self, plane: PlaneKey, label: int) -> PlaneKey | None:
        """Return the one of all planes like ``plane`` that has an object nearest its middle."""
        places = self._index.places_of(label, plane.other_axes)
        if not places:
            return None
        ends = [(min(along), max(along)) for along in zip(*places, strict=True)]

        def distance(index: tuple[int, ...]) -> int:
            return sum((2 * at - sum(of)) ** 2 for at, of in zip(index, ends, strict=True))

        return replace(plane, index=min(sorted(places), key=distance))

    def is_on(self, plane: PlaneKey, label: int) -> bool:
        """Tell whether an object has pixels on a plane."""
        return bool((np.asarray(self.data[self.region_on(plane, label)]) == label).any())

    def _is_quick(self, plane: PlaneKey) -> bool:
        """Tell whether all of a plane can be looked at again and again."""
        return int(np.prod(plane.shape_in(self.data.shape))) <= QUICK_PIXELS

    def apply(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values after; ValueError, and nothing written, where it cannot."""
        self._write(changes, PixelChange.applied)

    def revert(self, changes: tuple[PixelChange, ...]) -> None:
        """Write the values before; ValueError, and nothing written, where it cannot."""
        self._write(changes[::-1], PixelChange.reverted)

    def _write(
        self,
        changes: Iterable[PixelChange],
        changed: Callable[[PixelChange, Values], Values],
    ) -> None:
        changes = tuple(changes)
        for change in changes:
            ids = (runs.values for runs in (change.old, change.new))
            self._check(change.region, [int(of) for each in ids for of in (each.min(), each.max())])
        written: list[tuple[Region, Values, Values]] = []
        try:
            for change in changes:
                before = np.array(self.data[change.region])
                after = changed(change, before).astype(before.dtype)
                written.append((change.region, before, after))
                write(self.levels, change.region, after)
        except Exception as error:  # of any store
            for region, before, _ in reversed(written):
                with suppress(Exception):
                    write(self.levels, region, before)
            raise ValueError(self._refusal(error)) from error
        self._show(written)

    def _refusal(self, error: Exception) -> str:
        """Say why a store did not take what was written."""
        if isinstance(error, OSError):
            reason, advice = error.strerror or error, "free some space on their disk, then"
        else:
            reason, advice = f"{type(error).__name__}: {error}", "choose other labels, or"
        return (
            f"the labels {self.name!r} cannot be written ({reason}); nothing is lost: {advice} try "
            "again"
        )

    def _show(self, written: list[tuple[Region, Values, Values]]) -> None:
        """Let all know of regions that were written; what fails here does not undo that."""
        try:
            if self._known is not None:
                for region, before, after in written:
                    self._known.update(region, before, after)
            with self.layer.events.set_data.blocker(self._on_read):
                redraw(self.layer, [(region, after) for region, _, after in written])
        except Exception:
            logger.exception("the labels %r could not be drawn", self.name)
            self._forget()

    def _on_paint(self, event: Any) -> None:
        change = _change_of(self.data, event.value)
        if change is None:
            return
        if not np.array_equal(self.data[change.region], change.after):
            self.apply((change,))  # napari tells of some changes before it writes them
        elif self._known is not None:
            self._known.update(change.region, change.before, change.after)
        if self._painted is not None and self._painted(self, change):
            self._recorded = [stroke[0] for stroke in self.layer._undo_history]

    def walk_strokes(self, *, back: bool) -> bool:
        """Undo or redo a stroke that is no step, as napari does; tell whether there was one."""
        layer = self.layer
        strokes = layer._undo_history if back else layer._redo_history
        if not strokes or (back and self._is_recorded(strokes[-1])):
            return False
        layer.undo() if back else layer.redo()
        self._forget()
        return True

    def _is_recorded(self, stroke: Any) -> bool:
        """Tell whether a stroke is a step, or older than one; napari forgets the oldest ones."""
        return any(stroke[0] is first for first in self._recorded)

    def _on_read(self, _event: Any = None) -> None:
        """Whoever writes without telling lets napari read again; a small array is counted anew."""
        self._is_read_again = True
        if self.data.size <= QUICK_PIXELS:
            self._forget()

    def _forget(self, _event: Any = None) -> None:
        self._known = None


def _is_writable(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return bool(data.flags.writeable)
    is_closed = getattr(data, "read_only", False)  # of zarr
    return hasattr(data, "__setitem__") and not hasattr(data, "dask") and not is_closed


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
