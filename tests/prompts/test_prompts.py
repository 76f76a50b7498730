"""What every kind of prompt answers for, and what boxes and strokes say."""

import json
import math

import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.prompts import (
    KINDS,
    BoxPrompt,
    Click,
    Prompts,
    PromptTensors,
    Stroke,
    prompt_from_json,
)

PROMPTS = [
    Click(12, 30),
    Click(12.5, 30.25, False),
    BoxPrompt(Box(10, 30, 20, 61)),
    Stroke(((10, 20), (14, 26), (14, 40))),
    Stroke(((15, 25),), positive=False),
    Stroke(((10, 20), (20, 20), (20, 40), (10, 20))),
]
WHOLE = Box.whole((50, 80))


@pytest.fixture(params=PROMPTS, ids=lambda prompt: f"{prompt.kind} {prompt}")
def prompt(request):
    return request.param


def test_the_cases_are_of_all_kinds():
    assert {prompt.kind for prompt in PROMPTS} == set(KINDS)


def test_it_comes_back_from_json(prompt):
    assert prompt_from_json(json.loads(json.dumps(prompt.to_json()))) == prompt


def test_it_stays_itself_in_its_own_frame_and_on_its_image(prompt):
    assert prompt.moved(WHOLE, WHOLE.shape) == prompt
    assert prompt.within(WHOLE) == prompt
    prompt.check_inside(WHOLE.shape)


def test_two_mirrors_are_none(prompt):
    assert prompt.mirrored(80) != prompt
    assert prompt.mirrored(80).mirrored(80) == prompt


def test_moving_keeps_marks_nodes_and_pixels_together(prompt):
    """In a frame of twice the size that begins at (4, 8)."""
    frame, size = Box(4, 44, 8, 72), (80, 128)
    moved = prompt.moved(frame, size)
    for own, there in zip(prompt.nodes, moved.nodes, strict=True):
        assert there == pytest.approx((2 * (own[0] + 0.5 - 4) - 0.5, 2 * (own[1] + 0.5 - 8) - 0.5))
    assert len(moved.segments) == len(prompt.segments)
    for row, col in moved.nodes:
        assert moved.extent.holds(math.floor(row + 0.5), math.floor(col + 0.5))


def test_what_must_hold_lies_in_its_extent(prompt):
    assert all(prompt.extent.holds(*pixel) for pixel in prompt.pixels)
    evidence = prompt.evidence
    assert (evidence is None) == (not prompt.positive)
    assert evidence is None or evidence == prompt.extent


def test_elsewhere_there_is_nothing_of_it(prompt):
    assert prompt.within(Box(40, 50, 70, 80)) is None
    with pytest.raises(ValueError, match="of 9 x 80"):
        prompt.check_inside((9, 80))


def test_the_effort_is_counted():
    assert Prompts.of(PROMPTS).effort == 1 + 1 + 2 + 3 * 2
    assert Prompts.of(PROMPTS).clicks == (Click(12, 30), Click(12.5, 30.25, False))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "is no prompt; the known kinds are click, box, stroke"),
        ({"lasso": [1, 2]}, "is no prompt"),
        ({"click": [1]}, "is no click"),
        ({"box": [5, 5, 0, 9]}, "is no box"),
        ({"box": ["1", "5", "1", "5"]}, "is no box"),
        ({"box": [1.5, 5, 1, 5]}, "is no box"),
        ({"stroke": [], "positive": True}, "is no stroke"),
        ({"stroke": [[1, float("nan")]], "positive": True}, "is no stroke"),
    ],
)
def test_nonsense_is_told(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        prompt_from_json(values)


def test_a_stroke_keeps_its_longest_part_in_a_box():
    stroke = Stroke(((10, 0), (10, 40)))
    part = stroke.within(Box(0, 20, 10, 30))
    assert (part.points[0], part.points[-1]) == ((10, 10), (10, 29))
    zigzag = Stroke(((5, 5), (5, 30), (15, 30), (15, 0)))
    assert zigzag.within(Box(0, 20, 0, 20)).points[-1] == (15, 0)


def test_a_lasso_is_a_closed_stroke():
    assert PROMPTS[-1].is_lasso
    assert not PROMPTS[3].is_lasso


def test_a_click_in_the_sequence_can_be_moved_and_other_kinds_not():
    sequence = Prompts.of([PROMPTS[0], PROMPTS[2]])
    assert sequence.move(0, 1, 2)[0] == Click(1, 2)
    with pytest.raises(ValueError, match="prompt 1 is a box, not a click; draw it anew"):
        sequence.move(1, 1, 2)
    assert sequence.remove(1) == Prompts.of([PROMPTS[0]])


def test_boxes_are_no_marks_and_strokes_are_ranked_as_one():
    tensors = PromptTensors.of([[PROMPTS[2], PROMPTS[3], PROMPTS[0]]])
    assert tensors.rank.tolist() == [[0, 0, 0, 0, 1]]
    assert tensors.nodes.shape == (1, 5, 2)


def test_what_encloses_the_object_is_a_first_mask():
    ellipse = PROMPTS[2].first_mask()
    assert ellipse.shape == PROMPTS[2].extent.shape
    assert (ellipse > 0.5).mean() == pytest.approx(math.pi / 4, abs=0.03)
    assert ellipse[10].min() > 0.5 > ellipse[0, 0]
    inside = PROMPTS[-1].first_mask()
    assert inside.shape == PROMPTS[-1].extent.shape
    assert inside[8, 4] > 0.5 > inside[2, 15]
    assert [prompt.first_mask() is None for prompt in PROMPTS] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_a_stroke_that_goes_far_costs_nothing_to_refuse():
    with pytest.raises(ValueError, match="leaves the image of 50 x 80"):
        Stroke(((0, 0), (1e15, 1e15))).check_inside(WHOLE.shape)


def test_the_pixels_of_a_stroke_touch_its_extent_on_all_sides(rng):
    for _ in range(50):
        stroke = Stroke(tuple(map(tuple, rng.uniform(3, 40, (4, 2)))))
        rows, cols = zip(*stroke.pixels, strict=True)
        assert stroke.extent == Box(min(rows), max(rows) + 1, min(cols), max(cols) + 1)


def test_a_lasso_is_no_mark_on_the_object_and_limits_it():
    lasso, view = PROMPTS[-1], WHOLE
    assert lasso.segments == lasso.nodes == lasso.pixels == ()
    assert lasso.region(view).encloses(lasso.allowed(view))
    assert lasso.allowed(view).encloses(lasso.extent)
    negative = Stroke(lasso.points, positive=False)
    assert not negative.is_lasso
    assert negative.pixels
    assert negative.region(view) is negative.allowed(view) is None


def test_a_lasso_that_leaves_a_box_is_pressed_into_it():
    box = Box(0, 15, 0, 80)
    pressed = PROMPTS[-1].within(box)
    assert pressed.is_lasso
    assert box.encloses(pressed.extent)
    assert pressed.extent.row_start == PROMPTS[-1].extent.row_start


def test_part_of_a_long_stroke_is_of_few_points():
    stroke = Stroke(((5, 5), (45, 70)))
    part = stroke.within(Box(10, 40, 0, 80))
    assert len(part.points) < 4
    assert set(part.pixels) <= set(stroke.pixels) | {
        (row + a, col + b) for row, col in stroke.pixels for a in (-1, 0, 1) for b in (-1, 0, 1)
    }


@pytest.mark.parametrize("pixel", [0.1, 1.0, 7.0])
def test_what_a_hand_draws_becomes_a_prompt(pixel):
    """At any zoom; the hand trembles by half a pixel of the screen."""
    turn = [i / 100 * 2 * math.pi for i in range(100)]
    circle = [(100 * pixel * math.sin(a), 100 * pixel * math.cos(a)) for a in turn]
    lasso = Stroke.drawn(circle, True, pixel)
    assert lasso.is_lasso
    assert len(lasso.points) < 50
    assert not Stroke.drawn(circle[:80], True, pixel).is_lasso
    assert not Stroke.drawn(circle, False, pixel).is_lasso
    there = [(0.3 * pixel * (i % 2), i * pixel) for i in range(200)]
    line = Stroke.drawn([*there, *there[::-1]], True, pixel)
    assert not line.is_lasso
    assert not any(line.points[i] == line.points[i + 1] for i in range(len(line.points) - 1))


def test_a_box_is_drawn_between_any_two_corners():
    ends = [(10.4, 20.6), (3.0, 33.0)]
    for points in (ends, ends[::-1], [ends[0], (50, 70), ends[1]]):
        for positive in (True, False):
            assert BoxPrompt.drawn(points, positive, 1.0) == BoxPrompt(Box(3, 11, 21, 34))
    assert BoxPrompt.drawn([(2, 2), (2, 2)], True, 1.0) == BoxPrompt(Box(2, 3, 2, 3))


def test_prompts_are_counted_in_words():
    assert Prompts().counted == "0 clicks"
    assert Prompts.of(PROMPTS[:1]).counted == "1 click"
    assert Prompts.of(PROMPTS).counted == "2 clicks, 1 box, 3 strokes"
    assert Prompts.of([PROMPTS[2]] * 2).counted == "2 boxes"
