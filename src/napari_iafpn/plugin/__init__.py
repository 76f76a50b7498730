"""Everything that knows napari or Qt."""

from napari_iafpn.plugin.triton import guard_torch

guard_torch()
