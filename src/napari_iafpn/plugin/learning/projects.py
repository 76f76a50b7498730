"""Where models that learned are kept: by the folder of the images."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

from napari.layers import Image

from napari_iafpn.plugin.training.sources import file_name
from napari_iafpn.plugin.user_paths import MODEL_SUFFIX, UserPaths, newest_first


class Project:
    """The models that learned on images of one folder; none is ever written again.

    Journals name the model of each object by its file.

    Parameters
    ----------
    paths : UserPaths
    image : Image
        One that is in no file is a project by its name.
    """

    def __init__(self, paths: UserPaths, image: Image) -> None:
        path = str(image.source.path or "")
        place = str(Path(path).absolute().parent) if path else str(image.name)
        self.name = file_name(Path(place).name)
        self.folder = paths.learned / f"{self.name}-{zlib.crc32(place.encode()):08x}"

    @property
    def newest(self) -> str:
        """The file of the model that was taken last; empty where there is none."""
        found = newest_first(self.folder.glob(f"*{MODEL_SUFFIX}"))
        return str(found[0]) if found else ""

    def keep(self, model: Path) -> Path:
        """Keep a model under a name of its own and return its file; OSError where it cannot."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (path := self.folder / f"{self.name}_learned_{number}{MODEL_SUFFIX}").exists():
            number += 1
        begun = path.with_suffix(".new")
        shutil.copyfile(model, begun)
        begun.replace(path)
        return path
