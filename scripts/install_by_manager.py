"""Install a wheel by the dialog of napari's plugin manager: its path, then *Install*."""

import sys

import napari
import npe2
from napari_plugin_manager.qt_plugin_dialog import QtPluginDialog
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

ended: list[dict] = []


def in_the_dialog() -> None:
    """Do what a user does, once the dialog is open."""
    dialog = QApplication.activeModalWidget()
    if not isinstance(dialog, QtPluginDialog):
        QTimer.singleShot(200, in_the_dialog)
        return
    dialog.installer.processFinished.connect(ended.append)
    # Closed a moment later, so that what the dialog itself does at the end is part of the trial.
    dialog.installer.allFinished.connect(lambda *_: QTimer.singleShot(3000, dialog.accept))
    QTest.keyClicks(dialog.direct_entry_edit, sys.argv[1])
    QTest.mouseClick(dialog.direct_entry_btn, Qt.MouseButton.LeftButton)


viewer = napari.Viewer()
QTimer.singleShot(200, in_the_dialog)
entries = viewer.window.plugins_menu.actions()
next(entry for entry in entries if entry.text().startswith("Install/Uninstall")).trigger()
print(ended)
known = "napari-iafpn" in npe2.PluginManager.instance()
print("napari knows the plugin" if known else "napari does not know the plugin")
viewer.close()
sys.exit(0 if ended and known and not any(process["exit_code"] for process in ended) else 1)
