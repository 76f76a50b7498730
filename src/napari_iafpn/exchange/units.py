"""Units by their long names, as napari and OME-Zarr have them, and their short ones."""

from __future__ import annotations

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
