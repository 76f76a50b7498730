"""Where the user's models, unfinished trainings, sessions and large labels lie."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import QStandardPaths

from napari_iafpn.networks import model_names
from napari_iafpn.plugin.training.job import RUN_SUFFIX, Job
from napari_iafpn.plugin.training.sources import file_name

MODEL_SUFFIX = ".safetensors"


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Return what was changed last first, without what is not there, such as behind a dead link."""
    times: dict[Path, float] = {}
    for path in paths:
        with suppress(OSError):
            times[path] = path.stat().st_mtime
    return sorted(times, key=lambda path: -times[path])


@dataclass(frozen=True)
class UserPaths:
    """The plugin's folder among the user's data.

    Attributes
    ----------
    home : Path
        Made when something is written.
    """

    home: Path

    @classmethod
    def of_user(cls) -> UserPaths:
        """Return those of whoever is logged in."""
        kind = QStandardPaths.StandardLocation.GenericDataLocation
        return cls(Path(QStandardPaths.writableLocation(kind)) / "napari-iafpn")

    @property
    def models(self) -> Path:
        """Folder of the models that were trained here."""
        return self.home / "models"

    @property
    def learned(self) -> Path:
        """Folder of the models that learned while annotating, a folder for each project."""
        return self.models / "learned"

    @property
    def trainings(self) -> Path:
        """Folder of the runs that are not finished."""
        return self.home / "trainings"

    @property
    def sessions(self) -> Path:
        """Folder of the journals of sessions."""
        return self.home / "sessions"

    @property
    def labels(self) -> Path:
        """Folder of new labels that are too large for the memory."""
        return self.home / "labels"

    def own_models(self) -> list[str]:
        """Return the files of the models that were trained here, the newest first.

        Of those that learned while annotating the last one of each project.
        """
        found = list(self.models.glob(f"*{MODEL_SUFFIX}"))
        for project in self.learned.glob("*"):
            found += newest_first(project.glob(f"*{MODEL_SUFFIX}"))[:1]
        return [str(path) for path in newest_first(found)]

    def models_on_offer(self) -> list[str]:
        """Return the names of the shipped models, the default one first, and the own files."""
        return [*model_names(), *self.own_models()]

    def free_name(self, text: str) -> str:
        """Return a name like ``text`` of which there is no model or training yet."""
        stem = file_name(text)
        name, number = stem, 2
        while self._is_taken(name):
            name, number = f"{stem}-{number}", number + 1
        return name

    def new_folder(self, name: str) -> Path:
        """Make the folder of a new training of ``name``."""
        folder, number = self.trainings / f"{name}{RUN_SUFFIX}", 2
        while folder.exists():
            folder, number = self.trainings / f"{name}-{number}{RUN_SUFFIX}", number + 1
        folder.mkdir(parents=True)
        return folder

    def unfinished(self) -> list[Job]:
        """Return the trainings that can go on, the latest first."""
        jobs = []
        folders = [path for path in self.trainings.glob(f"*{RUN_SUFFIX}") if path.is_dir()]
        for folder in newest_first(folders):
            try:
                jobs.append(Job.load(folder))
            except (ValueError, OSError):  # one that never began
                continue
        return jobs

    def _is_taken(self, name: str) -> bool:
        model, run = self.models / f"{name}{MODEL_SUFFIX}", self.trainings / f"{name}{RUN_SUFFIX}"
        return model.exists() or run.exists()
