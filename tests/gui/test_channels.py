"""Channels as separate layers, seen by the network as the user sees them."""

import numpy as np
import pytest
from qtpy.QtTest import QTest

from napari_iafpn.geometry import Box
from napari_iafpn.sessions.reading import read_session
from napari_iafpn.sessions.replay import replay

SQUARES = np.array([[20, 60, 90], [120, 170, 220]], np.uint8).repeat(40, 0).repeat(40, 1)
CENTRES = [(20, 20), (20, 60), (20, 100), (60, 20), (60, 60), (60, 100)]


@pytest.fixture
def window(annotate, empty_viewer, brightness):
    """A window on a red and a green channel of six squares each."""
    empty_viewer.add_image(
        np.stack([SQUARES, 255 - SQUARES]),
        channel_axis=0,
        colormap=["red", "green"],
        contrast_limits=(0, 255),
        name=["nuclei", "membranes"],
    )
    return annotate(None, load=lambda _: brightness)


def channels(window):
    return window.viewer.layers["nuclei"], window.viewer.layers["membranes"]


def seen_by(brightness):
    return brightness.planes[-1].read(Box.whole(SQUARES.shape), SQUARES.shape)


def test_the_network_sees_all_channels_as_the_canvas_shows_them(window, brightness):
    nuclei, membranes = channels(window)
    window.widget.display.channels.click()
    membranes.gamma = 0.5
    nuclei.contrast_limits = (30, 200)
    window.click(20, 20)
    pixels = seen_by(brightness)
    assert all(np.ptp(pixels[colour]) > 0.3 for colour in (0, 1))
    for layer in window.viewer.layers:
        layer.visible = layer in (nuclei, membranes)
    QTest.qWait(50)
    shown = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3] / 255
    ratio = shown.shape[1] / window.canvas.native.width()
    for row, col in CENTRES:
        point = window.point_on_canvas((row, col))
        on_screen = shown[round(point.y() * ratio), round(point.x() * ratio)]
        np.testing.assert_allclose(pixels[:, row, col], on_screen, atol=0.02)


def test_one_channel_is_seen_until_all_are_asked_for(window, brightness):
    window.click(20, 20)
    grey = seen_by(brightness)
    assert np.array_equal(grey[0], grey[2])
    window.widget.display.channels.click()
    window.click(30, 20)
    assert not seen_by(brightness)[2].any()
    channels(window)[1].visible = False
    window.click(25, 20)
    assert not seen_by(brightness)[1:].any()


def test_a_single_image_has_no_channels_to_choose(annotate):
    window = annotate(SQUARES)
    assert not window.widget.display.channels.isEnabled()
    window.viewer.add_image(SQUARES)
    assert window.widget.display.channels.isEnabled()


def test_a_session_remembers_the_channels(window, brightness):
    window.widget.display.channels.click()
    window.click(60, 100)
    window.widget.object.keep_button.click()
    window.wait()
    window.widget.sessions.keeper.flush()
    session = read_session(window.widget.sessions.keeper.path)
    (commit,) = (step.commit for step in session.document.steps if step.commit)
    images = {
        id_: layer.data
        for (id_, _), layer in zip(commit.display.channels, channels(window), strict=True)
    }
    assert set(images) <= set(session.images)
    assert replay(session, images, lambda _: brightness).differing == []
    with pytest.raises(ValueError, match="an image that is not given; give it too"):
        replay(session, dict(list(images.items())[:1]), lambda _: brightness)
