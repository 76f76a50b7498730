"""Triton comes before torch, and nobody notices."""

import sys
from types import SimpleNamespace

from napari_iafpn.plugin import triton


def test_it_is_imported_before_torch_once_and_no_other_finder_is_left_out(monkeypatch):
    done = []
    other = SimpleNamespace(find_spec=lambda name, path: done.append(f"{name} elsewhere"))
    monkeypatch.setattr(triton, "import_triton", lambda: done.append("triton"))
    monkeypatch.setattr(sys, "meta_path", [other])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for _ in range(2):
        triton.guard_torch()
    assert len(sys.meta_path) == 2
    for name in ("numpy", "torch", "torch"):
        for finder in sys.meta_path:
            finder.find_spec(name, None)
    assert done == ["numpy elsewhere", "triton", "torch elsewhere", "torch elsewhere"]


def test_where_torch_is_there_it_is_imported_now(monkeypatch):
    done = []
    monkeypatch.setattr(triton, "import_triton", lambda: done.append("triton"))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    triton.guard_torch()
    assert done == ["triton"]
