"""Goes on with an earlier session of the image that is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari.layers import Image, Labels, Layer

from napari_iafpn.plugin.layers import full_resolution, keep_id, layer_id, placement
from napari_iafpn.plugin.sessions.offers import image_in
from napari_iafpn.plugin.stores import on_disk
from napari_iafpn.sessions.blocks import SparseArray
from napari_iafpn.sessions.provenance import ImageProvenance
from napari_iafpn.sessions.reading import Session, read_session

if TYPE_CHECKING:
    from napari_iafpn.plugin.annotator import Annotator


def bring_back(
    annotator: Annotator, image: Image, session: Session, about: ImageProvenance
) -> set[str]:
    """Open the labels of a session on ``image`` and take its objects and history over.

    The session knows the image as ``about``.

    Returns
    -------
    set of str
        Ids that its journal knows.

    What was done before is a session of its own.

    Raises
    ------
    ValueError
        Where labels were not kept.
    """
    controller = annotator.controller
    layers = [_labels_layer(annotator, image, session, about, id_) for id_ in session.labels]
    controller.cancel()
    controller.put_back_all()
    _give_id(annotator, image, about.id)
    for id_, layer in zip(session.labels, layers, strict=True):
        _give_id(annotator, layer, id_)
        # Those of other images are known to the history only.
        here = session.labels[id_].image == about.id
        annotator.add_labels(layer) if here else annotator.book.watch(layer)
    annotator.set_categories({**annotator.categories, **session.categories})
    controller.adopt(session.document)
    annotator.set_image(image)  # its planes have other names now
    return {*session.images, *session.labels, *(f"model {name}" for name in session.models)}


def _give_id(annotator: Annotator, layer: Layer, id_: str) -> None:
    """Call a layer as the session calls it, and no other one, such as that of the last sitting."""
    for other in {*annotator.viewer.layers, *annotator.book.layers} - {layer}:
        if layer_id(other) == id_:
            keep_id(other, uuid4().hex)
    keep_id(layer, id_)


def _labels_layer(
    annotator: Annotator, image: Image, session: Session, about: ImageProvenance, id_: str
) -> Labels:
    provenance, data = session.labels[id_], session.labels_of(id_).data
    here = provenance.image == about.id
    if isinstance(data, SparseArray):
        data = on_disk(data, provenance.name, image if here else None, annotator.book.folder)
    placed = placement(image) if here else {}
    return Labels(data, name=provenance.name, multiscale=isinstance(data, list), **placed)


def session_of(path: Path, image: Image) -> tuple[Session, ImageProvenance]:
    """Return the session in a file, and the image as it knows it.

    Raises
    ------
    ValueError
        Where it is no session, or one of another image.
    """
    session = read_session(path)
    about = image_in(session, full_resolution(image))
    if about is not None:
        return session, about
    names = ", ".join(
        repr(provenance.path or provenance.name) for provenance in session.images.values()
    )
    raise ValueError(
        f"this is a session of another image ({names or 'none'}), not of {image.name!r}; open that "
        "image first"
    )
