"""Drawing a prompt: from the places that the mouse comes along to a box or a stroke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_iafpn.clicks import DRAWN, Prompt
from napari_iafpn.geometry import Box

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_iafpn.sessions import PlaneKey


class Drawing:
    """A prompt that is being drawn on a plane of an image.

    Parameters
    ----------
    kind : str
        Of `clicks.DRAWN`.
    image : Image
    key : PlaneKey
    shape : (H, W)
        Of the plane, in pixels.
    positive : bool
    pixel : float
        The size of a pixel of the screen in pixels of the image.
    """

    def __init__(
        self,
        kind: str,
        image: Image,
        key: PlaneKey,
        shape: tuple[int, int],
        positive: bool,
        pixel: float,
    ) -> None:
        self.image, self.key = image, key
        self._kind, self._shape, self._positive, self._pixel = kind, shape, positive, pixel
        self._points: list[tuple[float, float]] = []

    def go_on(self, world: Sequence[float]) -> None:
        """Draw on to a point of the world."""
        self._points.append(self.key.to_plane(self.image.world_to_data(world)))

    @property
    def prompt(self) -> Prompt | None:
        """What is drawn so far, as far as it lies on the image; None where nothing does."""
        drawn = DRAWN[self._kind].drawn(self._points, self._positive, self._pixel)
        return drawn.within(Box.whole(self._shape))

    def finished(self) -> Prompt:
        """Return what was drawn; ValueError where it lies beside the image."""
        prompt = self.prompt
        if prompt is None:
            height, width = self._shape
            raise ValueError(
                f"the {self._kind} lies beside the image of {height} x {width}; draw it on the "
                "image"
            )
        return prompt
