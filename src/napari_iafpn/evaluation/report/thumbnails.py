"""Pictures of the objects that went best and worst."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_iafpn.evaluation.metrics import clicks_needed, first_success
from napari_iafpn.evaluation.protocol import ObjectResult
from napari_iafpn.evaluation.report.comparison import Analysis
from napari_iafpn.evaluation.report.summary import Condition, headline_target
from napari_iafpn.geometry import Box, move_point

if TYPE_CHECKING:
    from napari_iafpn.evaluation.readers import AnnotatedSet, Sample
    from napari_iafpn.images import Plane

SIDE = 300
"""Longer side of a picture in pixels; shown at half that size."""
MARGIN = 0.3
LEAST = 48
"""Smallest side of a crop in image pixels."""
PICTURES = 120
"""In all conditions together, so that the page stays small."""
MOST_EACH = 6
"""Worst ones of a condition, and as many best ones."""
MANY_CLICKS = 6
"""More clicks get smaller marks, or the object would not show."""
TRUTH = (86, 180, 233)
PREDICTED = (230, 159, 0)
CASING = (0, 0, 0)


@dataclass(frozen=True)
class Pick:
    """An object to show, with its picture: JPEG, or None and the sentence why there is none."""

    result: ObjectResult
    clicks: int | None
    """Clicks to the target; None: never."""
    picture: bytes | None
    sentence: str = ""


@dataclass(frozen=True)
class Picks:
    """The worst and the best objects of a condition, the most telling first."""

    worst: tuple[Pick, ...]
    best: tuple[Pick, ...]


def pick_objects(analysis: Analysis, sets: Sequence[AnnotatedSet]) -> dict[Condition, Picks]:
    """Choose and draw objects of the conditions, if they are not too many; read each image once."""
    shown = list(analysis.groups)[: PICTURES // 2]
    count = min(MOST_EACH, PICTURES // (2 * len(shown)))
    target, most = headline_target(analysis.protocol), analysis.protocol.max_clicks
    chosen = {
        condition: _extremes(analysis.groups[condition], target, most, count) for condition in shown
    }
    wanted = {id(result): result for worst, best in chosen.values() for result in (*worst, *best)}
    drawn = dict(_drawn(list(wanted.values()), sets))

    def pick(result: ObjectResult) -> Pick:
        return Pick(result, first_success(result.ious, target, most), *drawn[id(result)])

    return {
        condition: Picks(tuple(map(pick, worst)), tuple(map(pick, best)))
        for condition, (worst, best) in chosen.items()
    }


def _extremes(
    group: Sequence[ObjectResult], target: float, most: int, count: int
) -> tuple[list[ObjectResult], list[ObjectResult]]:
    """Return the worst and the best objects, at most ``count`` of each, none twice."""

    def badness(result: ObjectResult) -> tuple[bool, float, float]:
        failed = first_success(result.ious, target, most) is None
        clicks = clicks_needed(result.ious, target, most)
        return failed, 0 if failed else clicks, -result.ious[-1]

    ranked = sorted(group, key=badness)
    best = ranked[: min(count, len(ranked) // 2)]
    worst = ranked[len(best) :][-count:]
    return worst[::-1], best


def _drawn(
    results: Sequence[ObjectResult], sets: Sequence[AnnotatedSet]
) -> Iterator[tuple[int, tuple[bytes | None, str]]]:
    """Yield the id of each result with its picture or the sentence why there is none."""
    by_image = defaultdict(list)
    for result in results:
        by_image[result.set, result.image].append(result)
    indices = _image_indices(sets, {set_name for set_name, _ in by_image})
    for place, group in by_image.items():
        try:
            annotated, index = indices[place]
            sample = annotated.read(index)
            plane = _plane_of(sample)
        except KeyError:
            yield from ((id(result), (None, "the set no longer has the image")) for result in group)
            continue
        except (ValueError, OSError) as error:
            sentence = f"the image cannot be read any more: {error}"
            yield from ((id(result), (None, sentence)) for result in group)
            continue
        for result in group:
            yield id(result), _picture_or_sentence(plane, sample, result)


def _image_indices(
    sets: Sequence[AnnotatedSet], names: set[str]
) -> dict[tuple[str, str], tuple[AnnotatedSet, int]]:
    return {
        (annotated.name, annotated.image_name(index)): (annotated, index)
        for annotated in sets
        if annotated.name in names
        for index in range(len(annotated))
    }


def _plane_of(sample: Sample) -> Plane:
    from napari_iafpn.images import Plane

    return Plane(sample.image)


def _picture_or_sentence(
    plane: Plane, sample: Sample, result: ObjectResult
) -> tuple[bytes | None, str]:
    truth = sample.truth(result.label)
    if sample.shape != result.mask.shape or not truth.any():
        return None, "the image or its labels have changed since"
    return draw_object(plane, truth, result), ""


def draw_object(plane: Plane, truth: NDArray[np.bool_], result: ObjectResult) -> bytes:
    """Return a JPEG of the object and its surroundings: truth, prediction and clicks.

    ``truth`` is (H, W); the crop holds the object and the clicks, with a margin.
    """
    from napari_iafpn.geometry import pick_nearest

    box = _crop(truth, result)
    scale = SIDE / max(box.shape)
    size = max(1, round(box.height * scale)), max(1, round(box.width * scale))
    pixels = (plane.read(box, size).transpose(1, 2, 0) * 255).round().astype(np.uint8)
    masks = [mask[box.slices] for mask in (truth, result.mask.decode())]
    enlarged = [pick_nearest(mask, size) for mask in masks]
    for mask in enlarged:
        pixels[_band(mask, 3)] = CASING
    pixels[_band(enlarged[0], 2)] = TRUTH
    pixels[_band(enlarged[1], 1)] = PREDICTED
    picture = Image.fromarray(pixels)
    _draw_clicks(picture, result, box, size)
    stream = io.BytesIO()
    # Colours in full resolution: thin lines would lose theirs.
    picture.save(stream, "JPEG", quality=75, subsampling=0)
    return stream.getvalue()


def _crop(truth: NDArray[np.bool_], result: ObjectResult) -> Box:
    """Return the box of object, clicks and the prediction's near part, with a margin."""
    whole = Box.whole(result.mask.shape)
    box = Box.around(truth) or whole
    near = box.resized_about_centre(2 * box.height, 2 * box.width, whole)
    parts = [prompt.extent for prompt in result.prompts]
    if result.mask.box is not None:
        predicted = result.mask.box.intersection(near)
        parts += [] if predicted is None else [predicted]
    for part in parts:
        box = box.union(part)
    height, width = (max(LEAST, side * (1 + MARGIN)) for side in box.shape)
    height, width = max(height, width / 2), max(width, height / 2)
    return box.resized_about_centre(height, width, whole)


def _band(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Return the pixels at most ``width`` px from the border between mask and the rest."""
    from scipy import ndimage

    inside = ndimage.binary_erosion(mask, iterations=width, border_value=1)
    outside = ndimage.binary_dilation(mask, iterations=width)
    band: NDArray[np.bool_] = outside & ~inside
    return band


def _draw_clicks(
    picture: Image.Image, result: ObjectResult, box: Box, size: tuple[int, int]
) -> None:
    """Mark positive clicks with + and negative ones with -, white on a dark disk.

    A box or a stroke before them is a white line.
    """
    draw, white = ImageDraw.Draw(picture), (255, 255, 255)
    if result.first is not None:
        line = [(x, y) for y, x in (move_point(p, box, size) for p in result.first.outline)]
        draw.line(line, CASING, 4)
        draw.line(line, white, 2)
    radius = 9 if len(result.clicks) <= MANY_CLICKS else 6
    arm = radius - 3
    for click in result.clicks:
        y, x = move_point((click.row, click.col), box, size)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), CASING, white)
        draw.line((x - arm, y, x + arm, y), white, 2)
        if click.positive:
            draw.line((x, y - arm, x, y + arm), white, 2)
