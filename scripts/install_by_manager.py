"""Install a wheel by the dialog of napari's plugin manager: its path, then *Install*."""

import sys
import time

import napari
import npe2
from napari_plugin_manager.qt_plugin_dialog import QtPluginDialog
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

ended: list[dict] = []
viewer = napari.Viewer()
entries = viewer.window.plugins_menu.actions()
next(entry for entry in entries if entry.text().startswith("Install/Uninstall")).trigger()
dialog = viewer.window._qt_window.findChild(QtPluginDialog)
dialog.installer.processFinished.connect(lambda process: ended.append(process))
QTest.keyClicks(dialog.direct_entry_edit, sys.argv[1])
QTest.mouseClick(dialog.direct_entry_btn, Qt.MouseButton.LeftButton)
end = time.monotonic() + 3600
while not ended and time.monotonic() < end:
    QTest.qWait(200)
print(dialog.stdout_text.toPlainText()[-3000:])
QTimer.singleShot(2000, lambda: QApplication.activeModalWidget().accept())  # "Restart napari"
dialog.accept()
known = "napari-iafpn" in npe2.PluginManager.instance()
print("napari knows the plugin" if known else "napari does not know the plugin")
viewer.close()
sys.exit(0 if ended and known and ended[0]["exit_code"] == 0 else 1)
