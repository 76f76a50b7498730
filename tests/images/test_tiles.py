"""What is not in memory is read once, by whole chunks."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, strategies as st

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane
from napari_iafpn.images.arrays import plane_of
from napari_iafpn.images.tiles import TileCache, Tiles

SHAPE = (900, 1100)
PIXELS = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint32).reshape(SHAPE)


class Counted:
    """An array that notes the slices read of it."""

    def __init__(self, array=PIXELS, chunks=(200, 300)):
        self._array, self.chunks = array, chunks
        self.shape, self.dtype, self.parts = array.shape, array.dtype, []

    def __getitem__(self, part):
        self.parts.append(part)
        return self._array[part]

    @property
    def pixels(self):
        return sum((r.stop - r.start) * (c.stop - c.start) for r, c in self.parts)


def tiles(array):
    return Tiles(array, 0, TileCache())


@st.composite
def boxes(draw):
    rows, cols = (
        sorted(draw(st.tuples(st.integers(0, side - 1), st.integers(1, side)))) for side in SHAPE
    )
    return Box(rows[0], max(rows[1], rows[0] + 1), cols[0], max(cols[1], cols[0] + 1))


@given(
    st.lists(boxes(), min_size=1, max_size=4),
    st.sampled_from([(200, 300), (7, 1100), ((130, 300, 5, 5, 460), (1000, 100)), None]),
)
def test_reads_are_the_array_s_whatever_was_read_before(wanted, chunks):
    array = Counted(chunks=chunks)
    reader = tiles(array)
    for box in wanted:
        assert np.array_equal(reader.read(box), PIXELS[box.slices])
    places = [(r.start, c.start) for r, c in array.parts]
    assert len(places) == len(set(places)), "a tile is read once"


def test_irregular_chunks_of_dask():
    array = da.from_array(PIXELS, chunks=((130, 300, 5, 5, 460), (1000, 100)))
    box = Box(100, 500, 900, 1050)
    assert np.array_equal(tiles(array).read(box), PIXELS[box.slices])


def test_neighbours_are_read_at_once_and_never_again():
    array = Counted()
    reader = tiles(array)
    reader.read(Box(250, 350, 350, 550))
    assert array.parts == [(slice(200, 400), slice(300, 600))]
    reader.read(Box(220, 390, 310, 590))
    assert len(array.parts) == 1
    reader.read(Box(250, 550, 350, 650))
    new = array.parts[1:]
    assert new == [(slice(200, 400), slice(600, 900)), (slice(400, 600), slice(300, 900))]


def test_a_crop_that_moves_a_little_reads_nothing_again():
    array = Counted()
    plane = Plane(array, limits=(0, PIXELS.max()))
    plane.read(Box(210, 590, 310, 890), (96, 96))
    before = array.pixels
    assert before == 400 * 600
    for shift in range(1, 10):
        plane.read(Box(210, 580 + shift, 310 - shift, 890), (96, 96))
    assert array.pixels == before


def test_the_tiles_stay_within_their_bytes(monkeypatch):
    monkeypatch.setattr("napari_iafpn.images.tiles.CACHE_BYTES", 2 * 200 * 300 * 4)
    array = Counted()
    reader = tiles(array)
    corners = [Box(row, row + 1, 0, 1) for row in (0, 200, 400)]
    for box in [*corners, corners[2], corners[1]]:
        reader.read(box)
    assert len(array.parts) == 3
    reader.read(corners[0])
    assert len(array.parts) == 4
    everything = Box.whole(SHAPE)
    assert np.array_equal(reader.read(everything), PIXELS), "also what is larger than the cache"


def test_what_is_in_memory_is_not_copied():
    plane = Plane(PIXELS, limits=(0, 1))
    box = Box(3, 9, 4, 8)
    assert np.shares_memory(plane._levels[0].read(box), PIXELS)


def test_a_plane_of_a_stack_is_cut_when_it_is_read():
    stack = np.stack([PIXELS, PIXELS + 1])[:, None]
    array = Counted(stack, (1, 1, 200, 300))
    plane = plane_of(array, (1, 0, slice(None), slice(None)))
    assert (plane.shape, plane.chunks, array.parts) == (SHAPE, (200, 300), [])
    assert np.array_equal(tiles(plane).read(Box(0, 5, 0, 6)), PIXELS[:5, :6] + 1)
    assert array.parts == [(1, 0, slice(0, 200), slice(0, 300))]


def test_a_store_that_fails_is_told_in_one_sentence_and_asked_again(slide):
    level = slide[0]
    plane = Plane(level, limits=(0, 255))
    box = Box(0, 400, 0, 400)
    for error, reason in (
        (KeyError("c/0/0"), "its content is damaged"),
        (RuntimeError("lines\nof text"), "its content is damaged"),
        (TimeoutError(), "there was no answer in time"),
        (PermissionError(13, "Permission denied"), "permission denied"),
        (MemoryError("Unable to allocate 9 TiB"), "it needs more memory than there is"),
    ):
        level.error = error
        with pytest.raises(OSError, match=rf"could not be read \({reason}") as told:
            plane.read(box, (100, 100))
        assert str(error) not in str(told.value) or not str(error)
    level.error = None
    assert plane.read(box, (100, 100)).max() == pytest.approx(200 / 255)


def test_what_was_read_before_a_failure_is_kept(slide):
    level = slide[0]
    plane = Plane(level, limits=(0, 255))
    plane.read(Box(0, 400, 0, 400), (100, 100))
    level.error = ConnectionError("gone")
    with pytest.raises(OSError, match="the connection broke"):
        plane.read(Box(0, 800, 0, 400), (100, 100))
    level.error = None
    plane.read(Box(0, 800, 0, 400), (100, 100))
    assert sorted(level.read) == [(0, 0), (1, 0)]
