"""Objects that look like the ones that were kept: appearance, candidates, quality, proposals."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iafpn.finding.exemplars import Exemplars
    from napari_iafpn.finding.find import find_similar
    from napari_iafpn.finding.kinds import Kinds
    from napari_iafpn.finding.proposals import DEFAULT_QUALITY, Proposal
    from napari_iafpn.finding.quality import quality_alone

__all__ = ["DEFAULT_QUALITY", "Exemplars", "Kinds", "Proposal", "find_similar", "quality_alone"]

_HOMES = {
    "DEFAULT_QUALITY": "proposals",
    "Exemplars": "exemplars",
    "Kinds": "kinds",
    "Proposal": "proposals",
    "find_similar": "find",
    "quality_alone": "quality",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"napari_iafpn.finding.{_HOMES[name]}"), name)
