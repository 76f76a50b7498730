"""What a label image is besides its ids, as JSON inside files of other programs' formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_iafpn.exchange.label_image import LabelImage

KEY = "napari_iafpn"
"""Under this key other programs' files hold the facts."""


@dataclass(frozen=True)
class Facts:
    """Shape, axes and classes; sizes as in `LabelImage`."""

    shape: tuple[int, ...] = ()
    axes: str = ""
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    classes: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: LabelImage) -> Facts:
        """Return the facts of a label image."""
        return cls(
            labels.labels.shape, labels.axes, labels.scale, labels.units, dict(labels.classes)
        )

    @classmethod
    def found(cls, holder: Any) -> Facts:
        """Return the facts in a mapping or JSON text, empty where it holds none."""
        try:
            content = json.loads(holder) if isinstance(holder, str | bytes) else holder
            facts = content[KEY]
            return cls(
                tuple(int(size) for size in facts["shape"]),
                str(facts["axes"]),
                tuple(float(size) for size in facts["scale"]),
                tuple(str(unit) for unit in facts["units"]),
                {int(label): str(name) for label, name in facts["classes"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return cls()

    def holder(self, *, classes: bool = True) -> dict[str, Any]:
        """Return a mapping that JSON can hold and `found` understands."""
        return {
            KEY: {
                "shape": list(self.shape),
                "axes": self.axes,
                "scale": list(self.scale),
                "units": list(self.units),
                "classes": {str(k): v for k, v in self.classes.items()} if classes else {},
            }
        }

    def fitted(self, array: NDArray[Any]) -> NDArray[Any]:
        """Give ``array`` back the axes of one pixel that a file format dropped."""
        same = tuple(n for n in self.shape if n > 1) == tuple(n for n in array.shape if n > 1)
        return array.reshape(self.shape) if self.shape and same else array

    def empty_labels(self, largest: int) -> NDArray[np.integer]:
        """Return background of the shape, in the smallest type for ids up to ``largest``."""
        empty: NDArray[np.integer] = np.zeros(self.shape, np.min_scalar_type(largest))
        return empty
