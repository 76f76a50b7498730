"""Pages to read in a browser, made from templates that lie beside the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from markupsafe import Markup


def render(
    package: str,
    template: str,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **values: Any,
) -> str:
    """Fill in a template of a package; values are escaped, and what is not given is an error.

    The template may ask for ``style``, the looks that all reports share.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters.update(filters or {})
    style = files("napari_iafpn.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    text = files(package).joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(style=Markup(style), **values)
