"""What happens when a device runs out of memory; the errors are injected."""

import errno
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from napari_iafpn.inference import InteractiveSession, Predictor
from napari_iafpn.inference.interaction import interact
from napari_iafpn.inference.predictor import _attempts, _note
from napari_iafpn.networks import Cascade
from napari_iafpn.prompts import Click

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
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 byte"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError("std::bad_alloc"),
        MemoryError("Unable to allocate 9 GiB for an array"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
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


@pytest.mark.parametrize("error", [RuntimeError("a bug"), OSError(errno.EIO, "a bug")])
def test_other_errors_are_not_hidden(predictor, disk_image, monkeypatch, error):
    sizes = fail(predictor.cascade.coarse, monkeypatch, [error])
    with pytest.raises(type(error), match="a bug"):
        predictor.predict(disk_image[0], CLICKS)
    assert len(sizes) == 1


def test_a_session_loses_nothing_when_even_the_last_attempt_fails(
    predictor, disk_image, monkeypatch
):
    session = InteractiveSession(predictor, disk_image[0])
    session.add_click(38, 52)
    before, clicks = session.probability, session.clicks
    errors = [torch.OutOfMemoryError("full"), MemoryError()]
    fail(predictor.cascade.coarse, monkeypatch, errors)
    with pytest.raises(MemoryError, match="not enough memory to predict"):
        session.add_click(10, 10, positive=False)
    assert session.clicks == clicks
    np.testing.assert_array_equal(session.probability, before)
    session.add_click(10, 10, positive=False)
    assert len(session.clicks) == 2


def test_accelerators_fall_back_to_half_size_then_to_the_cpu():
    cuda = "cuda:1"
    wanted, half, cpu = _attempts(cuda, "bfloat16")
    assert (wanted.device, wanted.autocast, wanted.shrink) == (cuda, "bfloat16", 1)
    assert (half.device, half.shrink) == (cuda, 2)
    assert (cpu.device, cpu.autocast, cpu.shrink) == ("cpu", None, 1)
    assert _note(cuda, wanted) == ()
    assert _note(cuda, half) == ("CUDA memory ran out; this mask was computed at half resolution.",)
    assert _note(cuda, cpu) == ("CUDA memory ran out; this mask was computed on the CPU.",)


@dataclass
class Weights:
    """A cascade that is somewhere, and may find no room elsewhere."""

    full: set = field(default_factory=set)
    device: torch.device = field(default_factory=lambda: torch.device("mps"))
    move, forget, predicting = Cascade.move, Cascade.forget, Cascade.predicting

    def parameters(self):
        yield self

    def to(self, device):
        self.device = torch.device(device)
        if self.device.type in self.full:
            raise RuntimeError("MPS backend out of memory")


def test_the_last_attempt_runs_on_the_cpu_and_the_next_click_at_home(
    predictor, disk_image, monkeypatch
):
    expected = predictor.predict(disk_image[0], CLICKS)
    cascade, weights, runs = predictor.cascade, Weights(), []

    def run(_, plane, clicks, previous, view, execution, policy):
        runs.append((execution.device, execution.shrink))
        assert weights.device.type == execution.device
        if execution.device == "mps" and busy:
            raise RuntimeError("MPS backend out of memory")
        here = replace(execution, device="cpu")
        return interact(cascade, plane, clicks, previous, view, here, policy)

    monkeypatch.setattr("napari_iafpn.inference.predictor.interact", run)
    monkeypatch.setattr(predictor, "device", "mps")
    monkeypatch.setattr(predictor, "cascade", weights)
    busy = True
    prediction = predictor.predict(disk_image[0], CLICKS)
    assert runs == [("mps", 1), ("mps", 2), ("cpu", 1)]
    assert prediction.device == "cpu"
    assert prediction.notes == ("MPS memory ran out; this mask was computed on the CPU.",)
    np.testing.assert_array_equal(prediction.probability, expected.probability)

    weights.full = {"mps"}  # no room for the way home
    assert predictor.predict(disk_image[0], CLICKS).device == "cpu"
    assert weights.device.type == "cpu"
    weights.full, busy = set(), False
    assert predictor.predict(disk_image[0], CLICKS).device == "mps"
    assert weights.device.type == "mps"
