"""Frozen values that check themselves; a wrong one is a ValueError of one sentence.

The sentence names the key, wherever the value comes from: the header of a model, a recipe, the
command line or a program.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checking_dataclass
from pydantic_core import PydanticCustomError

T = TypeVar("T")
_WANTED = {
    "bool": "true or false",
    "dataclass": "a table of keys and values",
    "dict": "a table",
    "path": "a path",
    "string": "a text",
    "tuple": "a list",
}
"""What is wanted, by the beginning of pydantic's name of the error."""
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def must(holds: Callable[[Any], bool], wanted: str) -> AfterValidator:
    """Let a value be refused unless ``holds``; ``wanted`` goes on after "give"."""
    return AfterValidator(lambda value: value if holds(value) else _refuse(wanted))


def between(least: float, most: float = math.inf) -> AfterValidator:
    """Let a number be refused unless it lies between two bounds or is one of them."""
    limit = "" if most == math.inf else f" and at most {most:g}"
    return must(lambda value: least <= value <= most, f"at least {least:g}{limit}")


def one_of(*choices: str) -> AfterValidator:
    """Let a text be refused unless it is one of ``choices``."""
    return must(lambda value: value in choices, f"one of {', '.join(choices)}")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise ValueError unless ``value``, an argument of a function, is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} is {shown(value)}; choose one of {', '.join(choices)}")


def _refuse(wanted: str) -> Any:
    raise PydanticCustomError("wanted", "{wanted}", {"wanted": wanted})


def _is_number(value: Any, kinds: tuple[Any, ...]) -> bool:
    # Whole numbers end where those of torch and numpy do.
    most = sys.maxsize if isinstance(value, int) else sys.float_info.max
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(abs(value) <= most)


def _whole(value: Any) -> Any:
    return value if _is_number(value, (int,)) else _refuse("a whole number")


def _real(value: Any) -> Any:
    return value if _is_number(value, (int, float)) else _refuse("a finite number")


# No number is a bool or a text, and a whole one stays what it is.
Whole = Annotated[int, PlainValidator(_whole)]
Real = Annotated[float, PlainValidator(_real)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[Whole, between(1)]
Natural = Annotated[Whole, between(0)]
Share = Annotated[Real, must(lambda value: 0 <= value <= 1, "a number from 0 to 1")]


def later(default: Any) -> Any:
    """Declare a key that came after the first files: a recipe's digest leaves out its default."""
    return dataclasses.field(default=default, metadata={"later": True})


def checked(kind: type[T]) -> type[T]:
    """Let a frozen dataclass check its fields, also where a program makes one."""
    made: Any = checking_dataclass(frozen=True, config=ConfigDict(extra="forbid"))(kind)
    build, names = made.__init__, [field.name for field in dataclasses.fields(made)]

    @wraps(build)
    def init(self: Any, *args: Any, **values: Any) -> None:
        values = {**dict(zip(names, args, strict=False)), **values}
        try:
            build(self, **values)
        except ValidationError as error:
            raise ValueError(_sentence(made, error, values, kind.__name__)) from error

    made.__init__ = init
    checked_kind: type[T] = made
    return checked_kind


def read_table(kind: type[T], values: Any, what: str) -> T:
    """Build a `checked` dataclass from plain values, as JSON and TOML give them.

    ``what`` is the table as the user knows it, for example ``the recipe``.

    Raises
    ------
    ValueError
        Where ``values`` is no table, lacks a key, or has an unknown key or a value that cannot be.
    """
    try:
        made: T = _adapter(kind).validate_python(values)
    except ValidationError as error:
        raise ValueError(_sentence(kind, error, values, what)) from error
    return made


def plain(value: Any, *, defaults: bool = True) -> Any:
    """Return a dataclass as plain values for JSON; ``read_table`` gives it back.

    Without ``defaults`` the values that are as by default are left out.
    """
    return _adapter(type(value)).dump_python(value, mode="json", exclude_defaults=not defaults)


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


def shown(value: Any) -> str:
    """Return the representation of a value from a file, short enough for a sentence."""
    return _SHORT.repr(str(value) if isinstance(value, Path) else value)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("the JSON gives a key twice")
    return table


def _sentence(kind: type[Any], error: ValidationError, values: Any, what: str) -> str:
    """Say what is wrong first."""
    errors = error.errors(include_url=False)
    place, key, cause = errors[0]["loc"], errors[0]["loc"][-1:], errors[0]["type"]
    path, value = _find(values, place)
    if cause == "value_error":  # of a table as a whole, which says all of it
        return ": ".join([*path, str(errors[0]["ctx"]["error"])])
    if cause == "missing" and isinstance(key[0], str):
        return f"{'.'.join(path) or what} lacks the key {key[0]!r}; add it"
    if cause == "unexpected_keyword_argument":
        known = ", ".join(sorted(f.name for f in dataclasses.fields(_kind_at(kind, place[:-1]))))
        there = ".".join(path[:-1]) or what
        return f"unknown key {shown(key[0])} in {there}; known keys are {known}"
    same = [e for e in errors if _find(values, e["loc"])[0] == path]
    if cause == "missing":
        same = same[-1:]  # the last one tells the length
    wanted = " or ".join(dict.fromkeys(_wanted(e, len(path)) for e in same))
    verb = "choose" if wanted.startswith("one of") else "give"
    return f"{'.'.join(path) or what} is {shown(value)}; {verb} {wanted}"


def _wanted(error: Any, known: int) -> str:
    beyond = [step for step in error["loc"][known:] if isinstance(step, int)]
    if error["type"] == "missing":
        return f"a list of {beyond[-1] + 1}"
    if error["type"] == "too_long":
        return f"a list of {error['ctx']['max_length']}"
    words = _WANTED.get(error["type"].split("_")[0], error["msg"])
    return f"a list, each {words}" if beyond else words


def _find(values: Any, place: Sequence[str | int]) -> tuple[list[str], Any]:
    """Return the keys on the way to a place, as far as there are tables, and what is there.

    A table in a list is called by its name, if it has one.
    """
    path: list[str] = []
    for step in place:
        if isinstance(values, Mapping) and step in values:
            path.append(str(step))
        elif isinstance(step, int) and _is_table_list(values):
            path.append(str(values[step].get("name", step)))
        else:
            break
        values = values[step]
    return path, values


def _is_table_list(values: Any) -> bool:
    return isinstance(values, list) and values != [] and all(isinstance(v, dict) for v in values)


def _kind_at(kind: type[Any], place: Sequence[str | int]) -> type[Any]:
    """Return the dataclass of a table inside another."""
    for step in place:
        if isinstance(step, str):
            kind = next(_dataclasses_in(get_type_hints(kind)[step]))
    return kind


def _dataclasses_in(hint: Any) -> Iterator[type[Any]]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
    for inner in get_args(hint):
        yield from _dataclasses_in(inner)
