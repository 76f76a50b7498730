"""What Labels layers say of their objects, for exports: classes, and which were proposed."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.writers import said_of_objects
from napari_iafpn.sessions import ObjectStats


@dataclass(frozen=True)
class Description:
    """What a layer says.

    Attributes
    ----------
    classes : mapping of int to str
        The name of the class of an id.
    found : frozenset of int
        The ids that were proposed.
    """

    classes: Mapping[int, str]
    found: frozenset[int]

    @classmethod
    def of(cls, layer: Labels) -> Description:
        """Read what a layer says; what makes no sense, since others wrote it, is left out."""
        said = {"metadata": layer.metadata, "features": layer.features}
        classes, found, _ = said_of_objects(said)
        return cls(classes, found)


class Descriptions:
    """Keeps what layers say up to date.

    What a layer said of an object before anybody annotated it, such as in an earlier sitting, holds
    as long as the object is there, unless it gets another class.
    """

    def __init__(self) -> None:
        self._given: MutableMapping[Labels, Description] = WeakKeyDictionary()
        self._told: MutableMapping[Labels, Description] = WeakKeyDictionary()

    def tell(
        self, target: LabelsLayer, facts: Mapping[int, ObjectStats], classes: Mapping[int, str]
    ) -> None:
        """Let a layer say what is known of its objects.

        Parameters
        ----------
        target : LabelsLayer
        facts : mapping of int to ObjectStats
            Of each id.
        classes : mapping of int to str
            The names of classes; without any, what the layer says of them is left alone.
        """
        layer = target.layer
        given, metadata = self.given_by(layer), layer.metadata
        there = target.areas if given.classes or given.found else ()
        if classes:
            metadata["classes"] = {
                **{label: name for label, name in given.classes.items() if label in there},
                **{
                    k: classes[fact.category]
                    for k, fact in facts.items()
                    if fact.category in classes
                },
            }
        found = {label for label in given.found if label in there}
        if found := found | {label for label, fact in facts.items() if fact.found}:
            metadata["found"] = sorted(found)
        else:
            metadata.pop("found", None)
        self._told[layer] = Description.of(layer)

    def given_by(self, layer: Labels) -> Description:
        """Return what a layer says that was not told here."""
        said = Description.of(layer)
        if said != self._told.get(layer):
            self._given[layer] = said
        return self._given[layer]
