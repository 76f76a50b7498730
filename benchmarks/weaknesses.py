"""A picture of the objects that a model finds hardest.

    python benchmarks/weaknesses.py DATA --objects 8

Of each set some of the objects that the list beside it names are annotated by the simulated user to
90 % IoU; those that went worst are drawn: the truth in blue, the mask after the last click in
orange, the clicks in white. All sets are of open licences, so docs/images may show them.
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
from listed import arguments, listed_objects
from PIL import Image

from napari_iafpn.evaluation.protocol import ObjectResult, evaluate_object
from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.evaluation.report.thumbnails import draw_object
from napari_iafpn.images import Plane
from napari_iafpn.inference import Predictor

SETS = ("usiigaci_val10", "superalloy_val5", "axon_sem_val3", "dsb2018_val60", "emps_val60")
WORST = 4
"""Objects drawn of each set."""
IMAGES = Path(__file__).parents[1] / "docs" / "images"


def main() -> None:
    """Annotate and draw."""
    options = arguments(__doc__, 8, "of each set", SETS)
    predictor = Predictor.load(options.model)
    figure, rows = plt.subplots(
        len(options.sets), WORST, figsize=(2.4 * WORST, 2.7 * len(options.sets)), squeeze=False
    )
    for name, row in zip(options.sets, rows, strict=True):
        found = [
            (evaluate_object(predictor, Plane(sample.image), sample, label), sample)
            for sample, label in listed_objects(options.data / name, options.objects)
        ]
        found.sort(key=lambda pair: (-len(pair[0].ious), pair[0].ious[-1]))
        for axes in row:
            axes.axis("off")
        for axes, (result, sample) in zip(row, found, strict=False):
            axes.imshow(picture(sample, result))
            axes.set_title(
                f"{name}\n{len(result.ious)} clicks, IoU {result.ious[-1]:.2f}", fontsize=8
            )
        print(name, *(f"{len(result.ious)}:{result.ious[-1]:.2f}" for result, _ in found[:WORST]))
    figure.tight_layout(pad=0.3)
    output = IMAGES / f"weaknesses_{Path(options.model).stem}.jpg"
    figure.savefig(output, dpi=100, pil_kwargs={"quality": 80})


def picture(sample: Sample, result: ObjectResult) -> Image.Image:
    """Draw one object with its truth, its mask and its clicks."""
    drawn = draw_object(Plane(sample.image), sample.truth(result.label), result)
    return Image.open(io.BytesIO(drawn))


if __name__ == "__main__":
    main()
