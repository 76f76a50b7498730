"""From plain values, as JSON and TOML give them, to frozen dataclasses whose fields were checked.

A wrong value is a ValueError of one sentence that names its key, wherever it comes from: the header
of a model, a recipe, the command line or a program.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import sys
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_NAMES = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    Path: "a path",
}
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def shown(value: Any) -> str:
    """Return the representation of a value from a file, short enough for a sentence."""
    return _SHORT.repr(value)


def read_table(kind: type[Any], values: Any, what: str) -> Any:
    """Build the dataclass ``kind`` from a table; lists become tuples.

    ``what`` is the table as the user knows it, for example ``[coarse]``.

    Raises
    ------
    ValueError
        Where ``values`` is no table, lacks a key, or has an unknown key or a value of a wrong type.
    """
    if not isinstance(values, dict):
        raise ValueError(f"{what} is {shown(values)}; give a table of keys and values")
    known = {field.name: field for field in dataclasses.fields(kind)}
    _check_types(kind, values, f" of {what}")
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(
            f"unknown key {shown(unknown[0])} in the configuration of {what}; "
            f"known keys are {', '.join(sorted(known))}"
        )
    missing = sorted(key for key in set(known) - set(values) if _is_needed(known[key]))
    if missing:
        raise ValueError(f"{what} lacks the key {missing[0]!r}; add it")
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    except ValueError as error:
        raise ValueError(str(error) if what in str(error) else f"{what}: {error}") from error


def read_json(text: str | bytes) -> Any:
    """Parse JSON; a key that is given twice is an error too, because programs differ in it.

    Raises
    ------
    ValueError
        Where it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_twins)
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error


def check_fields(value: Any) -> None:
    """Raise ValueError unless each field of a dataclass has its declared type; for __post_init__.

    Numbers are finite, and no number is a bool.
    """
    _check_types(type(value), vars(value))


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} is {shown(value)}; choose one of {', '.join(map(str, choices))}")


def check_range(name: str, value: float, least: float, most: float = math.inf) -> None:
    """Raise ValueError unless ``value`` lies between two bounds or is one of them; NaN never is."""
    if not least <= value <= most:
        limit = "" if most == math.inf else f" and at most {most:g}"
        raise ValueError(f"{name} is {value}; give at least {least:g}{limit}")


def fits(value: Any, hint: Any) -> bool:
    """Tell whether a plain value is of a declared type; a list stands for a tuple."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(fits(value, choice) for choice in inner)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False
        if inner[-1] is not ...:
            return len(inner) == len(value) and all(map(fits, value, inner))
        return all(fits(each, inner[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(each, inner[1]) for key, each in value.items()
        )
    if hint in (int, float):
        # Whole numbers end where those of torch and numpy do.
        most = sys.maxsize if isinstance(value, int) else sys.float_info.max
        number = isinstance(value, (int, hint)) and not isinstance(value, bool)
        return number and -most <= value <= most
    return isinstance(value, hint)


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _check_types(kind: Any, values: dict[str, Any], of_what: str = "") -> None:
    for key, hint in _hints(kind).items():
        if key in values and not fits(values[key], hint):
            got = shown(values[key])
            raise ValueError(f"{key}{of_what} is {got}; give {_words(hint)}")


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("the JSON gives a key twice")
    return table


def _words(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(choice) for choice in inner if choice is not NoneType)
    if origin is tuple:
        count = "a list" if inner[-1] is ... else f"a list of {len(inner)}"
        return f"{count}, each {_words(inner[0])}"
    if origin is dict:
        return f"a table, each value {_words(inner[1])}"
    return _NAMES.get(hint, f"a {getattr(hint, '__name__', hint)}")
