"""Values from files, checked before they act."""

from __future__ import annotations

import math
from typing import Any

LARGEST = 2**53
"""Whole numbers that every program keeps."""


def whole(value: Any, name: str, least: int = 0, most: int = LARGEST) -> int:
    """Return a whole number; ValueError where it is none, or not from ``least`` to ``most``."""
    if type(value) is not int or not least <= value <= most:
        raise _wrong(value, name, f"a whole number from {least} to {most}")
    return value


def real(value: Any, name: str, least: float = -LARGEST, most: float = LARGEST) -> float:
    """Return a number; ValueError where it is none, or not from ``least`` to ``most``."""
    if type(value) not in (int, float) or not least <= value <= most or math.isnan(value):
        raise _wrong(value, name, f"a number from {least} to {most}")
    return float(value)


def text(value: Any, name: str) -> str:
    """Return a text; ValueError where it is none."""
    if not isinstance(value, str):
        raise _wrong(value, name, "a text")
    return value


def _wrong(value: Any, name: str, wanted: str) -> ValueError:
    return ValueError(f"{name} is {value!r:.60}, not {wanted}")
