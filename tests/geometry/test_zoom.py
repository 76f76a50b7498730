import numpy as np
import pytest

from napari_iafpn.geometry import Box, expansion, zoom_in
from napari_iafpn.prompts import BoxPrompt, Click

VIEW = Box.whole((400, 600))
NOTHING = np.zeros((200, 300), bool)


def intention(box, size=(200, 300)):
    mask = np.zeros(size, bool)
    mask[box.slices] = True
    return mask


def test_expansion_is_loose_for_small_and_tight_for_large_boxes():
    assert expansion(0.0) == 2.5
    assert expansion(0.01) == pytest.approx(2.1)
    assert expansion(0.5) == 1.4


def test_no_evidence_gives_the_whole_view():
    assert zoom_in(NOTHING, [], VIEW) == VIEW
    assert zoom_in(NOTHING, [Click(900, 3)], VIEW) == VIEW


def test_the_intention_is_mapped_to_image_pixels_and_expanded():
    roi = zoom_in(intention(Box(80, 120, 130, 170)), [], VIEW)
    factor = expansion(80 * 80 / VIEW.area)
    assert roi.height == roi.width == pytest.approx(80 * factor, abs=2)
    assert roi.encloses(Box(160, 240, 260, 340))


def test_positive_clicks_belong_to_the_region():
    far = Click(390, 10)
    roi = zoom_in(intention(Box(80, 120, 130, 170)), [far], VIEW)
    assert roi.contains(far)


def test_the_region_is_never_smaller_than_min_crop():
    for place in [Click(200, 300), Click(0, 0), Click(399, 599), Click(0, 300)]:
        assert zoom_in(NOTHING, [place], VIEW, min_crop=48).shape >= (48, 48)
    assert zoom_in(NOTHING, [Click(3, 3)], Box.whole((20, 600)), min_crop=48).shape == (20, 48)


def test_a_box_prompt_is_the_region_with_its_margin():
    drawn = BoxPrompt(Box(100, 180, 200, 280))
    roi = zoom_in(intention(Box(10, 190, 10, 290)), [drawn], VIEW)
    assert roi == drawn.region(VIEW)
    assert roi.shape == (100, 100)
    assert zoom_in(NOTHING, [BoxPrompt(Box(0, 300, 0, 300)), drawn, Click(140, 240)], VIEW) == roi


def test_a_mark_beyond_a_box_opens_its_region():
    drawn, beside = BoxPrompt(Box(100, 180, 200, 280)), Click(140, 340)
    roi = zoom_in(NOTHING, [drawn, beside], VIEW)
    assert roi.encloses(drawn.box)
    assert roi.col_stop > 340 + 10
    seen = zoom_in(intention(Box(100, 180, 200, 400)), [drawn, beside], VIEW)
    assert seen.encloses(Box(100, 180, 200, 400))


def test_a_small_box_prompt_gets_a_region_of_the_least_size():
    assert zoom_in(NOTHING, [BoxPrompt(Box(0, 9, 0, 9))], VIEW, min_crop=48).shape == (48, 48)


def test_views_away_from_the_origin():
    view = Box(1000, 1400, 2000, 2600)
    there = zoom_in(intention(Box(80, 120, 130, 170)), [Click(1200, 2290)], view)
    here = zoom_in(intention(Box(80, 120, 130, 170)), [Click(200, 290)], VIEW)
    assert there == Box(
        here.row_start + 1000, here.row_stop + 1000, here.col_start + 2000, here.col_stop + 2000
    )
    assert view.encloses(there)


def test_an_intention_up_to_the_border_stays_in_the_view():
    view = Box.whole((100, 100))
    everything = np.ones((96, 96), bool)
    assert zoom_in(everything, [], view) == view
