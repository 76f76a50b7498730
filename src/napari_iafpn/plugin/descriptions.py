"""What Labels layers say of their objects, for exports: classes, and which were proposed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from napari.layers import Labels

from napari_iafpn.plugin.labels import LabelsLayer
from napari_iafpn.plugin.writers import said_of_objects
from napari_iafpn.sessions import Document


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


@dataclass
class Given:
    """What a layer says that was not told here.

    Attributes
    ----------
    said : Description
    since : int
        The number of the last step that was done before.
    seen : set of int
        The ids of it that were there.
    gone : dict of int to int
        Ids that are there no longer, and the step with which they went.
    """

    said: Description
    since: int
    seen: set[int] = field(default_factory=set)
    gone: dict[int, int] = field(default_factory=dict)

    def holding(self, target: LabelsLayer, document: Document) -> Description:
        """Return what still holds: another object may have the id of one that is gone."""
        said = self.said
        if not said.classes and not said.found:
            return said
        self._follow({*target.areas, *_lifted(target, document)}, document)
        lost = {*self.gone, *self._without_class(target.id, document)}
        return Description(
            {label: name for label, name in said.classes.items() if label not in lost},
            said.found - self.gone.keys(),
        )

    def _follow(self, there: Collection[int], document: Document) -> None:
        """Note which ids are gone; those come back whose step was undone, or without any step."""
        last, done = _last(document), {0, *(step.number for step in document.steps)}
        self.gone = {
            label: number
            for label, number in self.gone.items()
            if number in done and not (number == last and label in there)
        }
        self.seen |= {*self.said.classes, *self.said.found}.intersection(there)
        self.gone |= dict.fromkeys(self.seen.difference(there, self.gone), last)

    def _without_class(self, id_: str, document: Document) -> set[int]:
        """Return the ids whose class was taken from them."""
        steps = (step for step in document.steps if step.number > self.since)
        facts = (fact for step in steps if step.kind == "class" for fact in step.facts)
        of_layer = (fact for fact in facts if fact.labels == id_)
        return {fact.label for fact in of_layer if fact.after and not fact.after.category}


def _last(document: Document) -> int:
    return 0 if document.last_done is None else document.last_done.number


def _lifted(target: LabelsLayer, document: Document) -> set[int]:
    """Return the ids of a layer that are being edited."""
    edited = (now.edited for now in document.objects.values())
    return {each.label for each in edited if each is not None and each.labels == target.id}


class Descriptions:
    """Keeps what layers say up to date.

    What a layer said of an object before anybody annotated it, such as in an earlier sitting, holds
    as long as the object is there, unless it gets another class or none.
    """

    def __init__(self) -> None:
        self._given: MutableMapping[Labels, Given] = WeakKeyDictionary()
        self._told: MutableMapping[Labels, Description] = WeakKeyDictionary()

    def tell(self, target: LabelsLayer, document: Document, classes: Mapping[int, str]) -> None:
        """Let a layer say what is known of its objects.

        Parameters
        ----------
        target : LabelsLayer
        document : Document
        classes : mapping of int to str
            The names of classes; without any, what the layer says of them is left alone as far as
            it holds.
        """
        layer = target.layer
        given, metadata = self.given_by(target, document), layer.metadata
        facts = {label: fact for (of, label), fact in document.facts.items() if of == target.id}
        said = Description.of(layer).classes
        there = target.areas if given.classes or given.found or said else ()
        names = {
            **{label: name for label, name in given.classes.items() if label in there},
            **{k: classes[fact.category] for k, fact in facts.items() if fact.category in classes},
        }
        gone = self._given[layer].gone
        if classes or names != {k: name for k, name in said.items() if k in there or k in gone}:
            metadata["classes"] = names
        found = {label for label in given.found if label in there}
        if found := found | {label for label, fact in facts.items() if fact.found}:
            metadata["found"] = sorted(found)
        else:
            metadata.pop("found", None)
        self._told[layer] = Description.of(layer)

    def given_by(self, target: LabelsLayer, document: Document) -> Description:
        """Return what a layer says that was not told here, as far as it holds."""
        said = Description.of(target.layer)
        if said != self._told.get(target.layer):
            self._given[target.layer] = Given(said, _last(document))
        return self._given[target.layer].holding(target, document)
