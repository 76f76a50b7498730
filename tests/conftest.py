"""Fixtures of all tests."""

import gc
import shutil
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import settings
from scipy import ndimage

from napari_iafpn.geometry import Box
from napari_iafpn.inference import Prediction
from napari_iafpn.networks import PRESETS, build_cascade
from napari_iafpn.prompts import PromptTensors

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_collection_modifyitems(items):
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/training/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Of several processes one trains what the tests of a module share.

    Each has a screen, a mouse and a keyboard of its own, or one opens all windows.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneForSome(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if nodeid.startswith("tests/gui/") and shutil.which("Xvfb") is None:
                return "windows"
            return nodeid.split("::")[0] if nodeid.startswith("tests/training/") else nodeid

    return OneForSome(config, log)


def pytest_collection_finish():
    """Leave what was imported out of garbage collections, of which each window makes several."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture
def disk_image(rng):
    """An (80, 96) uint8 image of a bright disk on a dark, noisy ground, and the disk's mask."""
    rows, cols = np.mgrid[:80, :96]
    truth = (rows - 38) ** 2 + (cols - 52) ** 2 <= 20**2
    image = np.where(truth, 180, 60) + rng.normal(0, 8, truth.shape)
    return image.clip(0, 255).astype(np.uint8), truth


@pytest.fixture(scope="session")
def tiny_cascade():
    """A cascade of few, random and seeded weights whose masks depend on image and clicks."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        cascade = build_cascade(PRESETS["tiny"], pretrained="none")
        for level in (cascade.coarse, cascade.fine):
            _enliven(level)
    return cascade


@torch.no_grad()
def _enliven(level):
    """Let clicks matter and fit the normalisations, so that logits spread around 0."""
    for name, parameter in level.named_parameters():
        if name.endswith(("gamma", "scale")):
            parameter.fill_(1.0)
    level.train()
    for _ in range(30):
        image, previous = torch.rand(4, 3, 64, 64), torch.rand(4, 1, 64, 64)
        places, positive = torch.rand(4, 2, 2) * 63, torch.rand(4, 2) > 0.5
        ranks, known = torch.arange(2).expand(4, 2), torch.ones(4, 2, dtype=torch.bool)
        prompts = PromptTensors(places[:, :, None], positive, ranks, places, known)
        logits = level(image, previous, prompts)
    level.eval()
    level.head[-1].weight.div_(logits.std())
    level.head[-1].bias.sub_(logits.mean()).div_(logits.std())


@dataclass
class Slide:
    """A level of an endless image of bright disks, made where it is read; notes the chunks read.

    Disks of radius 60 lie every 400 pixels of the finest level, the first one at (200, 200).
    """

    shape: tuple
    factor: float = 1.0
    chunks: tuple = (512, 512)
    error: Exception | None = None
    read: list = field(default_factory=list)
    dtype = np.dtype(np.uint8)
    ndim = 2

    @property
    def size(self):
        return self.shape[0] * self.shape[1]

    def __getitem__(self, part):
        if self.error is not None:
            raise self.error
        self.read += self.touched(*part)
        spans = (np.arange(*s.indices(n)) for s, n in zip(part, self.shape, strict=True))
        rows, cols = (((span + 0.5) * self.factor - 0.5) % 400 - 200 for span in spans)
        return np.where(np.hypot(rows[:, None], cols) < 60, 200, 50).astype(np.uint8)

    def __array__(self, dtype=None, copy=None):
        return self[slice(None), slice(None)]

    def touched(self, rows, cols):
        """Return the numbers of the chunks of two slices."""
        spans = (s.indices(n)[:2] for s, n in zip((rows, cols), self.shape, strict=True))
        ranges = (
            range(start // side, -(-stop // side))
            for (start, stop), side in zip(spans, self.chunks, strict=True)
        )
        return list(product(*ranges))


@pytest.fixture
def slide():
    """A pyramid of 100 000 x 100 000 pixels, the finest level first; the last one is a preview."""
    side = 100_000
    return [Slide((side // f, side // f), side / (side // f)) for f in (1, 4, 16, 64, 256)]


@pytest.fixture
def device():
    return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass
class BrightPieces:
    """Draws the connected bright pixels under a click that no negative click is nearer to."""

    device: str = "stand-in"
    clicks: list = field(default_factory=list)

    def features(self, plane, box, size):
        pixels = plane.read(box, size)[0]
        return pixels.reshape(size[0] // 4, 4, size[1] // 4, 4).mean((1, 3))[None]

    def predict(self, plane, clicks, previous=None, *, view=None):
        return self.predict_each(plane, [list(clicks)], [view or Box.whole(plane.shape)])[0]

    def predict_each(self, plane, batch, views, sizes=None):
        found = []
        for clicks, view in zip(batch, views, strict=True):
            self.clicks += clicks
            pieces, _ = ndimage.label(plane.read(view, view.shape)[0] > 0.5)
            row, col = next(click.pixel for click in clicks if click.positive)
            there = pieces[row - view.row_start, col - view.col_start]
            rows, cols = np.ogrid[: view.height, : view.width]
            far = [
                np.hypot(rows + view.row_start - c.row, cols + view.col_start - c.col)
                + (0 if c.positive else 0.5)
                for c in clicks
            ]
            ours = np.argmin(far, axis=0) == next(n for n, c in enumerate(clicks) if c.positive)
            probability = np.where((pieces == there) & (there > 0) & ours, 0.95, 0.02)
            found.append(Prediction(plane.shape, view, probability.astype(np.float32), view))
        return found


@pytest.fixture
def drawer():
    """A predictor of bright pieces that needs no network."""
    return BrightPieces()
