"""Copy the package's annotated samples into two folders, as a user has images and labels."""

import shutil
import sys
from pathlib import Path

import napari_iafpn

samples = Path(napari_iafpn.__file__).parent / "plugin" / "sample_images"
images, labels = (Path(sys.argv[1]) / name for name in ("images", "labels"))
images.mkdir(parents=True, exist_ok=True)
labels.mkdir(exist_ok=True)
for label in samples.glob("*_labels.png"):
    name = label.name.removesuffix("_labels.png")
    (image,) = samples.glob(f"{name}.*")
    shutil.copy(image, images)
    shutil.copy(label, labels / f"{name}.png")
