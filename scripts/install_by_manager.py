"""Install a wheel with the installer of napari's plugin manager, as its *Install* button does."""

import sys

from napari_plugin_manager.base_qt_package_installer import InstallerTools
from napari_plugin_manager.qt_package_installer import NapariInstallerQueue
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

application = QApplication(sys.argv)
queue = NapariInstallerQueue()
ended: list[dict] = []
queue.processFinished.connect(ended.append)
queue.allFinished.connect(lambda *_: QTimer.singleShot(0, application.quit))
queue.install(tool=InstallerTools.PYPI, pkgs=[sys.argv[1]])
application.exec()
print(ended)
sys.exit(int(any(process["exit_code"] for process in ended) or not ended))
