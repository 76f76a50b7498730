"""Lines of JSON in files that are appended to, where a crash may have cut off the last one."""

from __future__ import annotations

import json
from typing import Any


def parsed(line: bytes) -> dict[str, Any] | None:
    """Return the object of a whole line, None for a damaged one."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
