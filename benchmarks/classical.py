"""Clicks and seconds that the model and tools without learning take, of the same simulated user.

    python benchmarks/classical.py DATA --objects 20

On objects of the lists beside the sets in DATA: the random walker (Grady, 2006), the watershed of
the gradient, and the geodesic distance to the nearest click, all of scikit-image, from disks around
the clicks and, until a click says what is background, from the border of the view. They work on an
image of at most 256 pixels, in a view of eight times the object's side.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from listed import arguments, listed_objects
from numpy.typing import NDArray
from skimage.filters import gaussian, sobel
from skimage.graph import MCP_Geometric
from skimage.segmentation import random_walker, watershed
from skimage.transform import resize

from napari_iafpn.evaluation.metrics import clicks_needed
from napari_iafpn.evaluation.protocol import Protocol, annotate, view_of
from napari_iafpn.evaluation.readers import Sample
from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.inference import ClickReplay, Predictor
from napari_iafpn.prompts import Prompts

SETS = (
    "dsb2018_val60",
    "emps_val60",
    "axon_sem_val3",
    "superalloy_val5",
    "usiigaci_val10",
    "gsc_voc102",
    "davis16_val141",
)
SIDE, RADIUS, VIEW = 256, 3, 8.0
OBJECT, BACKGROUND = 1, 2
Seeds = NDArray[np.intp]
Tool = Callable[[NDArray[np.float64], Seeds], NDArray[np.floating]]
"""Colours (h, w, 3) and seeds (h, w) -> probability of the object."""


def main() -> None:
    """Print the mean clicks to 85 % and seconds per click of each tool and set."""
    options = arguments(__doc__, 20, "of each set", SETS)
    predictor = Predictor.load(options.model)
    protocol = Protocol(target=0.85)
    print("set, objects, " + ", ".join(f"{tool}, s" for tool in [options.model, *TOOLS]))
    for name in options.sets:
        rows = [
            [
                cost_of(ours(predictor, sample, view), sample, label, protocol, view),
                *(
                    cost_of(classical(tool, sample, view), sample, label, protocol, view)
                    for tool in TOOLS.values()
                ),
            ]
            for sample, label in listed_objects(options.data / name, options.objects)
            for view in [view_of(sample, label, VIEW)]
        ]
        means = ", ".join(f"{clicks:.2f}, {s:.2f}" for clicks, s in np.mean(rows, axis=0))
        print(f"{name}, {len(rows)}, {means}", flush=True)


def cost_of(
    segment: Callable[[Prompts], NDArray[np.floating]],
    sample: Sample,
    label: int,
    protocol: Protocol,
    view: Box,
) -> tuple[int, float]:
    """Return the clicks to the protocol's target, at most its most, and seconds per click."""
    truth = sample.truth(label)[view.slices]
    ignore = None if sample.ignore is None else sample.ignore[view.slices]
    found = annotate(segment, truth, ignore, protocol=protocol)
    clicks = clicks_needed(found.ious, protocol.target, protocol.max_clicks)
    return clicks, float(np.mean(found.network_seconds))


def ours(
    predictor: Predictor, sample: Sample, view: Box
) -> Callable[[Prompts], NDArray[np.floating]]:
    """Return the model on a view as a function of the clicks in it."""
    replay = ClickReplay(predictor, Plane(sample.image[view.slices]))
    return lambda clicks: replay.predict(clicks).probability


def classical(tool: Tool, sample: Sample, view: Box) -> Callable[[Prompts], NDArray[np.floating]]:
    """Return a tool on a view as a function of the clicks in it."""
    plane = Plane(sample.image[view.slices])
    factor = min(1.0, SIDE / max(view.shape))
    small = max(1, round(view.height * factor)), max(1, round(view.width * factor))
    colours = np.moveaxis(plane.read(Box.whole(plane.shape), small), 0, -1).astype(np.float64)

    def segment(clicks: Prompts) -> NDArray[np.floating]:
        return resize(tool(colours, seeds_of(clicks, factor, small)), view.shape, order=1)

    return segment


def seeds_of(clicks: Prompts, factor: float, shape: tuple[int, int]) -> Seeds:
    """Return disks around the clicks, the newest on top."""
    seeds = np.zeros(shape, np.intp)
    if not any(not click.positive for click in clicks):
        seeds[[0, -1]] = seeds[:, [0, -1]] = BACKGROUND
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    for click in clicks:
        near = (rows - click.row * factor) ** 2 + (cols - click.col * factor) ** 2
        seeds[near <= RADIUS**2] = OBJECT if click.positive else BACKGROUND
    return seeds


def walk(colours: NDArray[np.float64], seeds: Seeds) -> NDArray[np.floating]:
    """Take for the object what a walker that avoids edges comes from first."""
    reached = np.unique(seeds[seeds > 0])
    if reached.size < 2:
        return (seeds == OBJECT).astype(float)
    found = random_walker(
        colours, seeds, beta=130, mode="cg_j", tol=1e-3, return_full_prob=True, channel_axis=-1
    )
    return found[0]


def flood(colours: NDArray[np.float64], seeds: Seeds) -> NDArray[np.floating]:
    """Take for the object what its flood reaches first, over the gradient."""
    return (watershed(edges(colours), seeds) == OBJECT).astype(float)


def geodesic(colours: NDArray[np.float64], seeds: Seeds) -> NDArray[np.floating]:
    """Take for the object what is nearer to it, where edges make ways long."""
    cost = 0.01 + edges(colours)
    near, far = (
        MCP_Geometric(cost).find_costs(np.argwhere(seeds == which))[0]
        if (seeds == which).any()
        else np.full(cost.shape, np.inf)
        for which in (OBJECT, BACKGROUND)
    )
    return (near < far).astype(float)


def edges(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the strength of edges, smoothed a little against noise."""
    smooth = gaussian(colours, 1.0, channel_axis=-1)
    return sobel(smooth.mean(axis=-1))


TOOLS: dict[str, Tool] = {"random walker": walk, "watershed": flood, "geodesic": geodesic}


if __name__ == "__main__":
    main()
