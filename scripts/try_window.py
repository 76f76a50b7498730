"""Open napari with the plugin's demo, wait for the first mask, and keep it with Enter."""

import time
from collections.abc import Callable

import napari
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_iafpn.plugin.demo import open_demo


def wait_until(holds: Callable[[], bool], sentence: str, seconds: float = 1800.0) -> None:
    """Let the window work until something holds; a machine that is shared may take its time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            labels = viewer.window._qt_window.findChildren(QLabel)
            print([label.text() for label in labels if label.isVisible() and label.text()])
            raise SystemExit(sentence)
        QTest.qWait(50)


def kept(viewer: napari.Viewer) -> int:
    """Return the pixels of object 1 in the layer of objects."""
    labels = [a for a in viewer.layers if a.name.startswith("Objects of")]
    return int((labels[0].data == 1).sum()) if labels else 0


started = time.monotonic()
viewer = open_demo()
native = viewer.window._qt_viewer.canvas.native
wait_until(
    lambda: any(a.name == "Current object" and a.data.any() for a in viewer.layers),
    "no mask came after the first click",
)
native.setFocus()
QTest.keyClick(native, Qt.Key.Key_Return)
wait_until(lambda: kept(viewer) > 0, "Enter did not keep the object")
print(f"{kept(viewer)} pixels kept after {time.monotonic() - started:.1f} s")
viewer.close()
