"""The axes of an image and their units, read from the words that files and layers have for them."""

from __future__ import annotations

from collections.abc import Sequence

SHORT = {
    "pixel": "px",
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "um",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "in",
    "nanosecond": "ns",
    "microsecond": "us",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
    "day": "d",
}

TIMES = ("nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day")

_LONG = {short: name for name, short in SHORT.items()} | {
    "": "pixel",
    "pixels": "pixel",
    "dimensionless": "pixel",
    "micron": "micrometer",
    "microns": "micrometer",
    "µm": "micrometer",
    "μm": "micrometer",
    "\\u00B5m": "micrometer",
    "µs": "microsecond",
    "μs": "microsecond",
    "sec": "second",
    "inches": "inch",
    "cal": "pixel",
}


def long_name(unit: str) -> str:
    """Return the long name of a unit; an unknown one stays as it is."""
    name = unit.strip()
    metre = name.lower().replace("metre", "meter")
    return _LONG.get(name, metre if metre in SHORT else name)


def short_name(unit: str) -> str:
    """Return the short name of a unit in plain letters; an unknown one stays as it is."""
    return SHORT.get(unit, unit)


USUAL = "TCZYX"
"""Time, channel and the three of space, in the order in which most programs write them."""

IMAGEJ = "TZCYX"
"""The order in ImageJ's files."""

DEFAULT_AXES = {2: "YX", 3: "ZYX", 4: "TZYX", 5: IMAGEJ}
"""What axes without names are taken for."""

_WORDS = {
    "T": ("t", "time", "times", "timepoint", "time point", "frame", "frames"),
    "C": ("c", "ch", "channel", "channels", "wavelength"),
    "Z": ("z", "plane", "planes", "slice", "slices", "section", "depth"),
    "Y": ("y", "row", "rows", "height"),
    "X": ("x", "col", "column", "columns", "width"),
}
_LETTERS = {word: letter for letter, words in _WORDS.items() for word in words}


def letters_of(names: Sequence[str], units: Sequence[str] = ()) -> str:
    """Return one of `USUAL` for each axis, empty where the names do not tell planes apart.

    An axis without a known name is time where its unit is one of time; else it is what is left: X,
    Y and Z, then time and channel, from the last axis to the first.
    """
    known = [letter_of(name) for name in names]
    for place, unit in enumerate(units):
        if unit in TIMES and not known[place] and "T" not in known:
            known[place] = "T"
    known = ["" if letter in known[:place] else letter for place, letter in enumerate(known)]
    rest = [letter for letter in "XYZTC" if letter not in known]
    if len(known) > len(USUAL) or not set(known) & set("TCZ" if len(known) > 2 else "YX"):
        return ""
    return "".join(reversed([letter or rest.pop(0) for letter in reversed(known)]))


def letter_of(name: str) -> str:
    """Return the letter of a word for an axis, empty for another word."""
    return _LETTERS.get(name.strip().lower().replace("_", " "), "")


def channel_notes(axes: str, shape: Sequence[int], name: str) -> tuple[str, ...]:
    """Say how the channels of the file ``name`` were read, if it has any."""
    if "C" not in axes:
        return ()
    return (f"{name} holds {shape[axes.index('C')]} channels; each was read as labels of its own",)


def are_axes(axes: str) -> bool:
    """Tell whether ``axes`` are rows and columns with any of time, channel and Z before them."""
    leading = axes[:-2]
    return axes.endswith("YX") and set(leading) <= set("TCZ") and len(set(leading)) == len(leading)


def rows_last(axes: str) -> str:
    """Return the same axes with rows and columns at the end, as labels have them."""
    return "".join(sorted(axes, key="YX".find))


def usual_order(axes: str, order: str = USUAL) -> str:
    """Return the same axes in the usual order, or in another one."""
    return "".join(sorted(axes, key=order.index))
