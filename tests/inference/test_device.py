"""Where networks run, chosen without torch where there can be no GPU."""

import sys

import pytest

from napari_iafpn.inference import device
from napari_iafpn.inference.device import choose_device, kind_of


@pytest.fixture
def computer(monkeypatch, tmp_path):
    """Tell which GPUs torch finds, and whether their driver is there."""

    def made(*, driver, cuda=0, mps=False):
        asked = []
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        monkeypatch.setattr(device, "DRIVERS", (str(tmp_path),) if driver else ())
        monkeypatch.setattr(device, "_gpus", lambda: asked.append(1) or (cuda, mps))
        return asked

    return made


def test_without_a_driver_torch_is_not_asked(computer):
    asked = computer(driver=False, cuda=1)
    assert choose_device("auto") == "cpu"
    assert not asked
    assert choose_device("cuda") == "cuda", "who names it knows more than we do"
    assert asked


def test_for_the_cpu_torch_is_not_asked(computer):
    asked = computer(driver=True, cuda=1)
    assert choose_device("cpu") == "cpu"
    assert not asked


def test_a_device_that_is_not_there_is_named(computer):
    computer(driver=False)
    with pytest.raises(ValueError, match="'cuda' is not available here; choose one of auto, cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(0, False, "cpu"), (2, False, "cuda"), (0, True, "mps")]
)
def test_with_a_driver_torch_says_what_there_is(computer, cuda, mps, chosen):
    asked = computer(driver=True, cuda=cuda, mps=mps)
    assert choose_device("auto") == chosen
    assert asked


def test_one_of_several_gpus_is_chosen(computer):
    computer(driver=True, cuda=2)
    assert choose_device("cuda:1") == "cuda:1"
    assert kind_of("cuda:1") == "cuda"
    with pytest.raises(ValueError, match="'cuda:2' is not available"):
        choose_device("cuda:2")


def test_the_only_mps_has_a_number_for_some(computer):
    computer(driver=True, mps=True)
    assert choose_device("mps:0") == "mps:0"


@pytest.mark.parametrize("works", [True, False])
def test_a_gpu_for_which_torch_has_no_kernels_is_none(monkeypatch, works):
    """Torch says that it is available all the same."""
    import torch

    def zeros(_, device):
        if not works:
            raise RuntimeError("CUDA error: no kernel image is available for execution")
        return torch.tensor([0.0])

    device._computes.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch, "zeros", zeros)
    assert device._gpus()[0] == 2 * works
    device._computes.cache_clear()
