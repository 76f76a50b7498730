"""The training's own process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import QCoreApplication, QObject, QProcess, QProcessEnvironment

GRACE_SECONDS = 30
"""A step and the writing of the state take less, also on a slow laptop."""


class TrainingProcess(QObject):
    """Runs the command line of this package; lines come out, words go in.

    It belongs to the application and not to the widget, so that it can save and end when the
    widget is gone.

    Parameters
    ----------
    on_line : callable
        Is told each line of the standard output.
    on_end : callable
        Is told the exit code and the last line of the standard error.
    grace : float
        Seconds that it has to save at the end of the application; 0: there is nothing to save.
    """

    def __init__(
        self,
        on_line: Callable[[str], None],
        on_end: Callable[[int, str], None],
        grace: float = GRACE_SECONDS,
    ) -> None:
        super().__init__(QCoreApplication.instance())
        self._on_line, self._on_end = on_line, on_end
        self._errors, self._grace = b"", grace
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.close_and_wait)

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return bool(self._process.state() != QProcess.ProcessState.NotRunning)

    @property
    def id(self) -> int:
        """What the system calls the process; 0 where there is none."""
        return int(self._process.processId())

    def start(self, arguments: Sequence[str], folder: Path) -> None:
        """Start it with ``folder`` as its working directory."""
        self._errors = b""
        self._process.setWorkingDirectory(str(folder))
        self._process.start(sys.executable, ["-m", "napari_iafpn", *arguments])

    def send(self, word: str) -> None:
        """Send a line."""
        self._process.write(f"{word}\n".encode())

    def close(self) -> None:
        """Let the process save and end: nobody listens any more."""
        if self.running:
            self._process.closeWriteChannel()

    def close_and_wait(self) -> None:
        """Do so and wait for the end; what takes too long is killed and loses a few steps."""
        self.close()
        if self.running and not self._process.waitForFinished(round(1000 * self._grace)):
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._process.kill()
            self._process.waitForFinished()

    def release(self) -> None:
        """End it at once, and leave nothing in the application that listens."""
        self.kill()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.disconnect(self.close_and_wait)
        self.deleteLater()

    def _read(self) -> None:
        while self._process.canReadLine():
            line = bytes(self._process.readLine().data()).decode("utf-8", "replace").strip()
            if line:
                self._on_line(line)

    def _read_errors(self) -> None:
        text = self._errors + bytes(self._process.readAllStandardError().data())
        self._errors = text[-4000:]

    def _finish(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_errors()
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        crashed = status != QProcess.ExitStatus.NormalExit
        self._on_end(-1 if crashed else code, lines[-1].strip() if lines else "")

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._on_end(-1, self._process.errorString())
