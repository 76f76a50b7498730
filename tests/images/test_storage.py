"""The same pixels give the same reads, however they are stored."""

import dask.array as da
import numpy as np
import pytest

from napari_iafpn.geometry import Box
from napari_iafpn.images import Plane

zarr = pytest.importorskip("zarr")

DTYPES = [
    "bool",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    ">u2",
    ">f4",
]
CHUNKS = (33, 40)


def in_dask(array):
    return da.from_array(array, chunks=(*CHUNKS, *array.shape[2:]))


def in_zarr(array):
    stored = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=array.shape,
        dtype=array.dtype,
        chunks=(*CHUNKS, *array.shape[2:]),
    )
    stored[...] = array
    return stored


STORES = {"dask": in_dask, "zarr": in_zarr}


def reads(array, **options):
    """Read as it is, enlarged, reduced by the filter alone, and by means."""
    plane = Plane(array, **options)
    whole = Box.whole(plane.shape)
    wishes = [(whole, plane.shape), (Box(3, 37, 5, 81), (64, 160)), (whole, (32, 32))]
    return [plane.limits, *(plane.read(box, size) for box, size in [*wishes, (whole, (8, 8))])]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
@pytest.mark.parametrize("channels", [(), (3,), (4,)], ids=["grey", "rgb", "rgba"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_stores_agree_bit_for_bit(rng, dtype, channels, store):
    low = 0 if np.dtype(dtype).kind in "bu" else -100
    array = rng.integers(low, 120, (70, 90, *channels)).astype(dtype)
    assert same(reads(array), reads(store(array)))


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
def test_numbers_that_are_none_are_the_same_in_every_store(rng, store):
    array = rng.random((70, 90), np.float32)
    array[3, 4], array[5:9, 7], array[60, 80] = np.nan, np.inf, -np.inf
    assert same(reads(array), reads(store(array)))
    for value in (np.nan, np.inf, 7.0):
        constant = np.full((70, 90), value)
        pixels = reads(store(constant))[1:]
        assert all(np.ptp(read) < 1e-6 for read in pixels)
        assert same(pixels, reads(constant)[1:])


@pytest.mark.parametrize("shape", [(2100, 300), (2200, 2300)])
def test_large_planes_have_the_same_robust_limits_in_every_store(rng, tmp_path, shape):
    array = rng.normal(1000, 50, shape).astype(np.uint16)
    np.save(tmp_path / "image.npy", array)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    tiled = da.from_array(array, chunks=512)
    limits = {Plane(stored).limits for stored in (array, mapped, tiled)}
    assert len(limits) == 1
    assert limits.pop() == pytest.approx(np.percentile(array, (0.1, 99.9)), abs=5)


def test_robust_limits_of_one_huge_level_read_a_small_part_of_it(slide):
    limits = Plane(slide[0]).limits
    assert limits == (50, 200)
    assert len(slide[0].read) <= 16**2, "of 38 416 chunks"


def test_robust_limits_come_from_the_coarsest_level_that_has_enough_pixels(slide):
    Plane(slide[0], coarser=slide[1:])
    assert [bool(level.read) for level in slide] == [False, False, False, True, False]
    assert len(slide[3].read) == 16


@pytest.mark.parametrize("dtype", [complex, "U3", "S3", object, "M8[s]"])
def test_what_has_no_intensities_gets_one_sentence_from_every_store(dtype):
    array = np.zeros((70, 90), dtype)
    for stored in (array, in_dask(array)):
        with pytest.raises(ValueError, match=r"^an image of type .* has no intensities"):
            Plane(stored)
