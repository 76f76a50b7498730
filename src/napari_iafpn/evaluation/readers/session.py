"""The planes that were annotated in a session of the plugin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_iafpn.evaluation.readers.labels import Truth
from napari_iafpn.evaluation.readers.sample import Sample
from napari_iafpn.evaluation.readers.sets import FileSet, sample_of
from napari_iafpn.images.files import read_array
from napari_iafpn.images.opening import sizes
from napari_iafpn.masks import RunLengths
from napari_iafpn.sessions import PlaneKey
from napari_iafpn.sessions.provenance import ImageProvenance
from napari_iafpn.sessions.reading import Session, read_session


@dataclass(frozen=True, eq=False)
class AnnotatedPlane:
    """One plane with the objects that were committed on it.

    Attributes
    ----------
    name : str
        Unique in the session: image and place in it, and what tells them apart from others.
    image : ImageProvenance
    plane : PlaneKey
    instances : RunLengths
        (H, W) ids.
    """

    name: str
    image: ImageProvenance
    plane: PlaneKey
    instances: RunLengths


@dataclass(frozen=True, eq=False)
class SessionSet(FileSet):
    """Each plane of the journal's images on which an object was committed.

    What the user did not annotate on such a plane counts as background; an object that was being
    edited is as it was before. The images are read from where they were then.
    """

    name: str
    planes: tuple[AnnotatedPlane, ...]
    damage: str = ""
    """What of the journal could not be read, in a sentence; empty where all could."""

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> SessionSet:
        """Open a journal.

        Raises
        ------
        ValueError
            Where it is none, nothing was committed, or an image has no file.
        """
        session = read_session(path)
        planes = tuple(_planes(session))
        if not planes:
            raise ValueError(f"no object was committed in the session {path}; choose another one")
        for plane in planes:
            if not plane.image.path or not Path(plane.image.path).exists():
                raise ValueError(
                    f"the image {plane.image.name!r} of the session {path.name} is not at "
                    f"{plane.image.path or 'any file'}; put it back, or export the labels and "
                    "give both as folders"
                )
        return cls((name or path.stem).removesuffix(".iafpn"), planes, session.damage)

    def __len__(self) -> int:
        return len(self.planes)

    def caveats(self) -> tuple[str, ...]:
        """Say what of the journal could not be read."""
        return (self.damage,) if self.damage else ()

    def image_name(self, index: int) -> str:
        """Return the file's stem and the place in it."""
        return self.planes[index].name

    def image_file(self, index: int) -> Path:
        """Return the file that holds the plane."""
        return Path(self.planes[index].image.path)

    def image_shape(self, index: int) -> tuple[int, int]:
        """Return (H, W) of the plane."""
        return self.planes[index].plane.shape_in(self.planes[index].image.shape)

    def truth(self, index: int) -> Truth:
        """Return the committed objects."""
        return Truth(self.planes[index].instances.array)

    def read(self, index: int) -> Sample:
        """Return the plane and its objects.

        Raises
        ------
        ValueError
            Where the file is not what was annotated, such as one of all channels.
        """
        plane, image = self.planes[index].plane, self.planes[index].image
        pixels = read_array(self.image_file(index))
        count = len(plane.axes) + len(plane.index)
        if pixels.shape[:count] != tuple(image.shape[:count]):
            raise ValueError(
                f"{image.path} has {sizes(pixels.shape)} pixels, but {image.name!r} had "
                f"{sizes(image.shape)} when it was annotated; save it as a file of its own, export "
                "the labels, and give both as folders"
            )
        return sample_of(self.image_name(index), pixels[plane.indices], self.truth(index))

    def stack(self, index: int) -> str | None:
        """Return the file of a stack."""
        plane = self.planes[index]
        return plane.image.path if plane.plane.index else None

    def picture(self, index: int) -> tuple[str, PlaneKey]:
        """Return what the pixels of an image are known by: two layers of labels may share them."""
        return self.planes[index].image.path, replace(self.planes[index].plane, layer="")


def _planes(session: Session) -> list[AnnotatedPlane]:
    places = dict.fromkeys(
        (step.labels[0].labels, step.plane)
        for step in session.document.steps
        if step.commit is not None or (step.verdicts and step.labels)
    )
    names = names_of(session, list(places))
    settled = {labels: session.settled(labels)[0] for labels, _ in places}
    found = []
    for labels, plane in places:
        instances = settled[labels][plane.indices]
        if plane.layer in session.images and instances.any():
            image, name = session.images[plane.layer], names[labels, plane]
            found.append(AnnotatedPlane(name, image, plane, RunLengths.of(instances)))
    return found


def names_of(session: Session, places: list[tuple[str, PlaneKey]]) -> dict[Any, str]:
    """Return a name for each plane and its labels: as short as can be, so that no two share one."""

    def parts(labels: str, plane: PlaneKey) -> tuple[list[str], list[str], list[str]]:
        image = session.images.get(plane.layer)
        path = Path(image.path if image else "")
        index = [str(number) for number in plane.index]
        shown = [path.stem or (image.name if image else ""), *index]
        return shown, [session.labels[labels].name], [path.parent.name, labels, plane.layer]

    names = {place: "_".join(parts(*place)[0]) for place in places}
    for more in (1, 2):
        counts = Counter(names.values())
        names = {
            place: "_".join([name, *parts(*place)[more]]) if counts[name] > 1 else name
            for place, name in names.items()
        }
    return names
