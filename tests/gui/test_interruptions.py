"""What happens to layers and sliders in the middle of a drag or of an object loses nothing."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

SHAPE = (5, 60, 80)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(annotate):
    return annotate(np.zeros(SHAPE, np.uint8))


def remove_image(window):
    window.viewer.layers.remove("image")


def turn_to_3d(window):
    window.viewer.dims.ndisplay = 3


def roll(window):
    window.viewer.dims.roll()


def replace_pixels(window):
    window.annotator.image.data = np.zeros((5, 30, 40), np.uint8)


def hide_image(window):
    window.annotator.image.visible = False


def rename(window):
    window.annotator.image.name = "another name"


def remove_own_layers(window):
    for layer in (window.annotator.preview.layer, window.annotator.clicks.layer):
        window.viewer.layers.remove(layer)


def reverse_layers(window):
    window.viewer.layers.reverse()


def select_tool(window):
    window.viewer.layers.selection.active = window.annotator.clicks.layer
    window.annotator.clicks.layer.mode = "select"


def hide_labels(window):
    window.annotator.labels.visible = False


def lock_labels(window):
    window.annotator.labels.editable = False


INTERRUPTIONS = {
    event.__name__: event
    for event in (
        remove_image,
        turn_to_3d,
        roll,
        replace_pixels,
        hide_image,
        rename,
        remove_own_layers,
        reverse_layers,
        select_tool,
        hide_labels,
        lock_labels,
    )
}
BACK = {
    "remove_image": lambda window, image: window.viewer.add_layer(image),
    "turn_to_3d": lambda window, _: setattr(window.viewer.dims, "ndisplay", 2),
    "roll": lambda window, _: setattr(window.viewer.dims, "order", (0, 1, 2)),
    "replace_pixels": lambda _, image: setattr(image, "data", np.zeros(SHAPE, np.uint8)),
    "hide_image": lambda _, image: setattr(image, "visible", True),
    "select_tool": lambda window, _: window.key(Qt.Key.Key_Escape),
}


@pytest.mark.parametrize("name", INTERRUPTIONS)
@pytest.mark.parametrize("tool", ["box", "stroke"])
def test_in_the_middle_of_a_drag(window, name, tool):
    image = window.annotator.image
    window.click(2, 10, 70)
    window.key(Qt.Key.Key_Return)
    committed = window.annotator.labels.data.copy()
    window.annotator.take_tool(tool)
    native, points = window.canvas.native, [(2, 20, 20), (2, 30, 35), (2, 45, 60)]
    start, middle, stop = (window.point_on_canvas(point) for point in points)
    QTest.mousePress(native, LEFT, pos=start)
    QTest.mouseMove(native, middle)
    QTest.qWait(50)
    INTERRUPTIONS[name](window)
    QTest.mouseMove(native, stop)
    QTest.qWait(50)
    QTest.mouseRelease(native, LEFT, pos=stop)
    window.wait()
    BACK.get(name, lambda *_: None)(window, image)
    window.annotator.take_tool("")
    window.wait()
    assert not any("Error" in message.text for message in window.messages)
    labels = window.annotator.labels or window.viewer.layers["Objects of image"]
    assert np.array_equal(labels.data, committed)
    drawn = window.controller.current.clicks
    assert [prompt.kind for prompt in drawn] in ([], [tool])
    before = len(drawn)
    window.click(2, 30, 40)
    assert len(window.controller.current.clicks) == before + 1, "and it goes on"


@pytest.mark.parametrize("name", INTERRUPTIONS)
def test_in_the_middle_of_an_object(window, predictor, name):
    image = window.annotator.image
    window.click(2, 10, 70)
    window.key(Qt.Key.Key_Return)
    labels, committed = window.annotator.labels, window.annotator.labels.data.copy()
    predictor.seconds = 0.1
    window.click(2, 20, 20, wait=False)
    INTERRUPTIONS[name](window)
    window.wait()
    BACK.get(name, lambda *_: None)(window, image)
    window.annotator.set_image(image)
    window.wait()
    assert [click.pixel for click in window.controller.current.clicks] == [(20, 20)]
    window.key(Qt.Key.Key_Return)
    assert not any("Error" in message.text for message in window.messages)
    assert np.array_equal(labels.data == 1, committed == 1)
    assert (labels.data[2, 20, 20] == 2) or name == "lock_labels"
