"""From plain values, as TOML and the command line give them, to the settings' dataclasses."""

from __future__ import annotations

import dataclasses
import sys
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from napari_iafpn.networks.config import from_known_keys
from napari_iafpn.training.settings import StageConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAMES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def read_table(kind: type[Any], values: Any, what: str) -> Any:
    """Build the dataclass ``kind`` from a table; a wrong key or type is a ValueError that names it.

    ``what`` is the table as the user wrote it, for example ``[coarse]``.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{what} is {values!r}; give a table of keys and values")
    hints = get_type_hints(kind)
    needed = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    missing = sorted(needed - set(values))
    for key in sorted(set(values) & set(hints)):
        if not _fits(values[key], hints[key]):
            raise ValueError(f"{key} of {what} is {values[key]!r}; give {_words(hints[key])}")
    if missing and set(values) <= set(hints):
        raise ValueError(f"{what} lacks the key {missing[0]!r}; add it")
    try:
        return from_known_keys(kind, values, what)
    except ValueError as error:
        raise ValueError(str(error) if what in str(error) else f"{what}: {error}") from error


def read_stage(values: Any, what: str) -> StageConfig:
    """Read a stage, whose length may be given as ``epochs`` of ``epoch_samples`` samples.

    The milestones are then epochs too.
    """
    if isinstance(values, dict) and {"epochs", "epoch_samples"} & set(values):
        values = _in_steps(dict(values), what)
    stage: StageConfig = read_table(StageConfig, values, what)
    return stage


def _in_steps(values: dict[str, Any], what: str) -> dict[str, Any]:
    if "steps" in values:
        raise ValueError(f"{what} has both steps and epochs; give one of them")
    epochs, samples = values.pop("epochs", None), values.pop("epoch_samples", None)
    for key, value in (("epochs", epochs), ("epoch_samples", samples)):
        if not _fits(value, float) or value <= 0:
            raise ValueError(f"{what} needs {key} as a number above 0, got {value!r}")
    batch = values.get("batch", StageConfig.batch) * values.get("accumulate", 1)
    values["steps"] = max(1, round(epochs * samples / batch))
    values["milestones"] = [round(m * samples / batch) for m in values.get("milestones", ())]
    return values


def override(values: dict[str, Any], assignments: list[str] | tuple[str, ...]) -> None:
    """Set ``key.key=value`` in nested plain values; a set of the mixture goes by its name.

    The value is TOML (``coarse.steps=10``, ``view.scale=[1.3, 8]``); what is no TOML is a text.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        *parents, key = (part.strip() for part in path.split("."))
        if not equals or not key:
            raise ValueError(f"got --set {assignment!r}; expected key=value, as coarse.steps=10")
        table: Any = values
        for parent in parents:
            table = _inside(table, parent, assignment)
        if not isinstance(table, dict):
            raise ValueError(f"--set {assignment!r} goes into {parents[-1]!r}, which is no table")
        table[key] = _toml_value(text.strip())


def _inside(table: Any, key: str, assignment: str) -> Any:
    if isinstance(table, list):
        named = [entry for entry in table if isinstance(entry, dict) and entry.get("name") == key]
        if not named:
            names = ", ".join(str(e.get("name")) for e in table if isinstance(e, dict))
            raise ValueError(f"--set {assignment!r}: there is no set {key!r}; sets are {names}")
        return named[0]
    if not isinstance(table, dict):
        raise ValueError(f"--set {assignment!r}: {key!r} is not inside a table of the recipe")
    return table.setdefault(key, {})


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _fits(value: Any, hint: Any) -> bool:
    """Tell whether a plain value is of a declared type; tables were checked before."""
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        inner = get_args(hint)
        if inner[-1] is not ...:
            return len(inner) == len(value) and all(map(_fits, value, inner))
        return all(_fits(each, inner[0]) for each in value)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)


def _words(hint: Any) -> str:
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_words(choice) for choice in get_args(hint) if choice is not NoneType)
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        count = "a list" if inner[-1] is ... else f"a list of {len(inner)}"
        return f"{count}, each {_words(inner[0])}"
    return _NAMES.get(hint, f"a {getattr(hint, '__name__', hint)}")
