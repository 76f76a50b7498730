"""Published numbers of interactive segmentation, as data; ``docs/published.md`` shows them all."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class PublishedNumber:
    """One published number.

    Attributes
    ----------
    table : str
        Number of the paper's table; "text" for its text, "other" for other papers.
    method, backbone, training : str
        ``training``: the data that the model was trained on. Empty where the source is silent.
    set : str
        Name of a ``PublishedSet``; empty for what belongs to no set, such as parameters.
    metric : str
        As in ``results.json``; IoUs are shares, SPC is in seconds.
    value : float
    source : str
        Letters of the sources.
    note : str
    certain : bool
        False where the source gives the number with doubt.
    """

    table: str
    method: str
    backbone: str
    training: str
    set: str
    metric: str
    value: float
    source: str
    note: str
    certain: bool

    @property
    def row(self) -> tuple[str, str, str, str, str, str]:
        """What the entries of one printed row have in common."""
        return self.table, self.method, self.backbone, self.training, self.source, self.note


@dataclass(frozen=True)
class PublishedSet:
    """A benchmark set; ``objects`` are the numbers of objects that publications give."""

    name: str
    objects: tuple[int, ...]
    note: str


@dataclass(frozen=True)
class Table:
    """A table of the paper: what of it is missing here and what is misprinted in it."""

    number: str
    title: str
    missing: str
    misprint: str


@dataclass(frozen=True)
class Published:
    """Everything that is quoted."""

    entries: tuple[PublishedNumber, ...]
    sets: Mapping[str, PublishedSet]
    tables: tuple[Table, ...]
    sources: Mapping[str, str]


@cache
def published() -> Published:
    """Return the quoted numbers, in the order of the file."""
    file = files("napari_iafpn.evaluation").joinpath("published.toml")
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    entries = [
        PublishedNumber(
            set=set_name,
            metric=metric,
            value=value,
            certain=set_name not in row.get("uncertain", ()),
            **{key: row[key] for key in ("table", "method", "backbone", "training")},
            **{key: row[key] for key in ("source", "note")},
        )
        for row in data["row"]
        for set_name, values in row["values"].items()
        for metric, value in values.items()
    ]
    sets = {
        name: PublishedSet(name, tuple(fields["objects"]), fields.get("note", ""))
        for name, fields in data["sets"].items()
    }
    tables = tuple(Table(**fields) for fields in data["table"])
    return Published(tuple(entries), sets, tables, data["sources"])
