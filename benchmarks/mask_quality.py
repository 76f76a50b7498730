"""How well the quality of a clicked mask tells good ones from bad ones.

    python benchmarks/mask_quality.py FOLDER ... --objects 40 --clicks 3

Objects of annotated sets are clicked on as in the protocol of whole images: a view of eight sides,
then where the mask is most wrong. Printed is, for each set, the area under the curve (AUROC) of the
quality against IoU < 0.85, the share of masks below that, and the mean quality of both.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import rankdata

from napari_iafpn.evaluation.readers import open_set
from napari_iafpn.finding import quality_alone
from napari_iafpn.geometry import view_around
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.masks import iou
from napari_iafpn.prompts.simulated import simulated_click

GOOD = 0.85
LEAST_AREA = 40


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--clicks", type=int, default=3)
    options = parser.parse_args()
    predictor = Predictor.load()
    print("set, masks, share below 0.85, AUROC, mean quality of good and of bad ones")
    for spec in options.sets:
        told = np.array(list(judged(predictor, open_set(spec), options.objects, options.clicks)))
        bad = told[:, 1] < GOOD
        quality = told[:, 0][~bad].mean(), told[:, 0][bad].mean() if bad.any() else np.nan
        print(
            f"{spec.rsplit('/', 1)[-1]}, {len(told)}, {bad.mean():.2f}, "
            f"{auroc(-told[:, 0], bad):.2f}, {quality[0]:.2f}, {quality[1]:.2f}",
            flush=True,
        )


def judged(predictor, annotated, objects, clicks):
    """Yield quality and IoU after each click on some objects, spread over the images."""
    each = max(1, -(-objects // len(annotated)))
    rng, left = np.random.default_rng(0), objects
    for index in rng.permutation(len(annotated)).tolist():
        sample = annotated.read(index)
        ids = rng.permutation(list(sample.ids(LEAST_AREA)))[: min(each, left)]
        left -= len(ids)
        plane = Plane(sample.image)
        for label in ids.tolist():
            truth = sample.truth(label)
            view = view_around(sample.boxes[label], 8.0, sample.shape)
            replay, given = ClickReplay(predictor, plane, view=view), []
            mask = np.zeros(sample.shape, bool)
            for _ in range(clicks):
                given.append(simulated_click(truth, mask))
                found = replay.predict(given)
                mask = found.mask(0.5)
                yield quality_alone(found), iou(mask, truth)


def auroc(scores, truth):
    """Return the probability that a true one has the higher score."""
    count = truth.sum()
    if count in (0, len(truth)):
        return float("nan")
    ranks = rankdata(scores)[truth].sum()
    return (ranks - count * (count + 1) / 2) / (count * (len(truth) - count))


if __name__ == "__main__":
    main()
