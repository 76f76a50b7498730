"""What happens when a device runs out of memory; the errors are injected."""

import numpy as np
import pytest
import torch

from napari_iafpn.clicks import Click
from napari_iafpn.inference import InteractiveSession, Predictor
from napari_iafpn.inference.interaction import interact
from napari_iafpn.inference.predictor import _attempts, _note

CLICKS = [Click(38, 52)]


@pytest.fixture
def predictor(tiny_cascade):
    return Predictor(tiny_cascade, "cpu")


def fail(level, monkeypatch, errors):
    """Let the first forward passes of a level raise ``errors``."""
    forward = level.forward
    sizes = []

    def failing(image, previous, points):
        sizes.append(tuple(image.shape[-2:]))
        if errors:
            raise errors.pop(0)
        return forward(image, previous, points)

    monkeypatch.setattr(level, "forward", failing)
    return sizes


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA: nothing left"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 byte"),
    ],
)
@pytest.mark.parametrize("level", ["coarse", "fine"])
def test_out_of_memory_is_retried_at_half_the_size(
    predictor, disk_image, monkeypatch, error, level
):
    sizes = fail(getattr(predictor.cascade, level), monkeypatch, [error])
    prediction = predictor.predict(disk_image[0], CLICKS)
    assert max(sizes[0]) == 64
    assert max(sizes[1]) == 32
    assert prediction.notes == ("CPU memory ran out; this mask was computed at half resolution.",)
    assert prediction.mask().shape == (80, 96)


def test_other_errors_are_not_hidden(predictor, disk_image, monkeypatch):
    sizes = fail(predictor.cascade.coarse, monkeypatch, [RuntimeError("a bug")])
    with pytest.raises(RuntimeError, match="a bug"):
        predictor.predict(disk_image[0], CLICKS)
    assert len(sizes) == 1


def test_a_session_loses_nothing_when_even_the_last_attempt_fails(
    predictor, disk_image, monkeypatch
):
    session = InteractiveSession(predictor, disk_image[0])
    session.add_click(38, 52)
    before, clicks = session.probability, session.clicks
    errors = [torch.OutOfMemoryError("full")] * 2
    fail(predictor.cascade.coarse, monkeypatch, errors)
    with pytest.raises(torch.OutOfMemoryError):
        session.add_click(10, 10, positive=False)
    assert session.clicks == clicks
    np.testing.assert_array_equal(session.probability, before)
    session.add_click(10, 10, positive=False)
    assert len(session.clicks) == 2


def test_accelerators_fall_back_to_half_size_then_to_the_cpu():
    cuda = torch.device("cuda")
    wanted, half, cpu = _attempts(cuda, torch.bfloat16)
    assert (wanted.device, wanted.autocast, wanted.shrink) == (cuda, torch.bfloat16, 1)
    assert (half.device, half.shrink) == (cuda, 2)
    assert (cpu.device.type, cpu.autocast, cpu.shrink) == ("cpu", None, 1)
    assert _note(cuda, wanted) == ()
    assert _note(cuda, half) == ("CUDA memory ran out; this mask was computed at half resolution.",)
    assert _note(cuda, cpu) == ("CUDA memory ran out; this mask was computed on the CPU.",)


def test_the_last_attempt_runs_on_the_cpu_and_the_cascade_returns_home(
    predictor, disk_image, monkeypatch
):
    expected = predictor.predict(disk_image[0], CLICKS)
    places, runs = ["mps"], []

    def full(cascade, plane, clicks, previous, view, execution, policy):
        runs.append((execution.device.type, execution.shrink, places[-1]))
        if execution.device.type == "mps":
            raise RuntimeError("MPS backend out of memory")
        return interact(cascade, plane, clicks, previous, view, execution, policy)

    monkeypatch.setattr("napari_iafpn.inference.predictor.interact", full)
    monkeypatch.setattr(predictor, "device", torch.device("mps"))
    monkeypatch.setattr(predictor.cascade, "to", lambda device: places.append(device.type))
    prediction = predictor.predict(disk_image[0], CLICKS)
    assert runs == [("mps", 1, "mps"), ("mps", 2, "mps"), ("cpu", 1, "cpu")]
    assert places[-1] == "mps"
    assert prediction.device == "cpu"
    assert prediction.notes == ("MPS memory ran out; this mask was computed on the CPU.",)
    np.testing.assert_array_equal(prediction.probability, expected.probability)
