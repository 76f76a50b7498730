r"""Make sets that the default model has not seen: a nerve cord in an electron microscope.

    git clone https://github.com/unidesigner/groundtruth-drosophila-vnc CLONE
    python benchmarks/nerve_cord.py CLONE DATA
    napari-iafpn evaluate DATA/mitochondria_val DATA/neurites_val --limit 60 --output EVALUATION
    python benchmarks/retraining.py DATA --model default --images neurites_train --counts 5 \
        --minutes 12 --validate neurites_val mitochondria_val --limit 60 --output RUN

Serial sections of the ventral nerve cord of Drosophila, 4.6 nm a pixel (Gerhard et al., 2013,
doi:10.6084/m9.figshare.856713), CC BY-NC-SA 3.0: to count clicks on, not to train what others use.
Each set has one image a section. The first ten sections are to retrain on; the last seven, 180 nm
further, to count clicks on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.io import imread, imsave
from skimage.measure import label

SECTIONS = {"train": slice(0, 10), "val": slice(13, 20)}
INSIDE = (191, 223, 255)
"""Values of a neurite's mitochondria, synapses and cytoplasm; membranes and glia have others."""
LEAST = 400
"""Pixels of the smallest object."""

Mask = NDArray[np.bool_]


def main() -> None:
    """Write the four sets."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("clone", type=Path, metavar="CLONE")
    parser.add_argument("data", type=Path, metavar="DATA")
    options = parser.parse_args()
    raws, labels, mitochondria = (
        sorted((options.clone / "stack1" / part).iterdir())
        for part in ("raw", "labels", "mitochondria")
    )
    for part, sections in SECTIONS.items():
        for place in range(len(raws))[sections]:
            image = imread(raws[place])
            objects = {
                "neurites": np.isin(imread(labels[place]), INSIDE),
                "mitochondria": imread(mitochondria[place]) > 0,
            }
            for kind, mask in objects.items():
                for folder, values in (("images", image), ("labels", pieces(mask))):
                    path = options.data / f"{kind}_{part}" / folder / f"{place:02}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    imsave(path, values, check_contrast=False)


def pieces(mask: Mask) -> NDArray[np.uint16]:
    """Return the connected pieces (4 neighbours) of (H, W) that are large enough, from 1 on."""
    found = label(mask, connectivity=1)
    large = np.bincount(found.ravel()) >= LEAST
    return label(large[found] & mask, connectivity=1).astype(np.uint16)


if __name__ == "__main__":
    main()
