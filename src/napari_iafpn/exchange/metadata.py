"""What a label image, or the image that it lies on, is besides its pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.axes import DEFAULT_AXES, USUAL, letters_of, long_name, usual_order

KEY = "napari_iafpn"
"""Under this key other programs' files hold the metadata as JSON."""


@dataclass(frozen=True)
class LabelMetadata:
    """Shape, axes, place and classes; what is empty was not stated.

    Attributes
    ----------
    shape : tuple of int
    axes : str
        A letter for each axis, as in `LabelImage`; images of colours have S at the end.
    scale : tuple of float
        Size of a pixel along each axis.
    units : tuple of str
        Of scale and translation.
    translate : tuple of float
        Where the centre of the first pixel is.
    classes : mapping of int to str
    proposed : frozenset of int
        Ids of objects that *find similar* proposed and the user accepted.
    """

    shape: tuple[int, ...] = ()
    axes: str = ""
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()
    classes: Mapping[int, str] = field(default_factory=dict)
    proposed: frozenset[int] = frozenset()

    @classmethod
    def named(
        cls,
        shape: Sequence[int],
        names: Sequence[str],
        scale: Sequence[float],
        units: Sequence[str],
        translate: Sequence[float],
    ) -> LabelMetadata:
        """Return the metadata of an array whose axes have ``names``, in words; see `letters_of`."""
        long = tuple(long_name(unit) for unit in units)
        return cls(
            tuple(int(size) for size in shape),
            letters_of(names, long),
            tuple(float(size) for size in scale),
            long,
            tuple(float(place) for place in translate),
        )

    @classmethod
    def found(cls, holder: Any) -> LabelMetadata:
        """Return the metadata in a mapping or JSON text, empty where it holds none."""
        try:
            content = json.loads(holder) if isinstance(holder, str | bytes) else holder
            said = content[KEY]
            return cls(
                tuple(int(size) for size in said["shape"]),
                str(said["axes"]),
                tuple(float(size) for size in said["scale"]),
                tuple(str(unit) for unit in said["units"]),
                tuple(float(place) for place in said.get("translate", ())),
                {int(label): str(name) for label, name in said["classes"].items()},
                frozenset(int(label) for label in said.get("found", ())),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return cls()

    def holder(self, *, classes: bool = True) -> dict[str, Any]:
        """Return a mapping that JSON can hold and `found` understands."""
        return {
            KEY: {
                "shape": list(self.shape),
                "axes": self.axes,
                "scale": list(self.scale),
                "units": list(self.units),
                "translate": list(self.translate),
                "classes": {str(k): v for k, v in self.classes.items()} if classes else {},
                **({"found": sorted(self.proposed)} if self.proposed else {}),
            }
        }

    @property
    def letters(self) -> str:
        """The stated axes, else what is usual for their number."""
        return self.axes or DEFAULT_AXES.get(len(self.shape), "")

    @property
    def sizes(self) -> dict[str, int]:
        """Pixels along each axis."""
        return dict(zip(self.letters, self.shape, strict=False))

    def along(self, axes: str) -> LabelMetadata:
        """Return the metadata of some of the axes, in another order."""
        places = [self.letters.index(axis) for axis in axes]

        def chosen(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[place] for place in places) if values else ()

        return replace(
            self,
            shape=chosen(self.shape),
            axes=axes if self.axes else "",
            scale=chosen(self.scale),
            units=chosen(self.units),
            translate=chosen(self.translate),
        )

    def restored(self, values: NDArray[Any], order: str = USUAL) -> NDArray[Any] | None:
        """Return ``values``, which were written in an ``order``, in this shape and order.

        Axes of one pixel may have been dropped. None where these are not the pixels of this shape.
        """
        written = [self.letters.index(axis) for axis in usual_order(self.letters, order)]
        shape = [self.shape[place] for place in written]
        if not shape or [n for n in shape if n > 1] != [n for n in values.shape if n > 1]:
            return None
        restored: NDArray[Any] = values.reshape(shape).transpose(np.argsort(written))
        return restored
