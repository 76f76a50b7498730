"""The click maps of other implementations."""

from pathlib import Path

import numpy as np
import pytest

from napari_iafpn.prompts import Click, PromptTensors, prompt_maps

GOLDEN = np.load(Path(__file__).parent / "distmaps.npz")
SIZE = (32, 48)
# tanh260 is another encoding, which this project does not have.
TAGS = sorted(
    {name.removesuffix("_points") for name in GOLDEN.files if name.endswith("_points")}
    - {"tanh260"}
)


def points_of(tag):
    """Turn a table (first half positive, second half negative, -1 = empty) into clicks."""
    table = GOLDEN[f"{tag}_points"]
    batch = table if table.ndim == 3 else table[None]
    half = batch.shape[1] // 2
    return PromptTensors.of(
        [
            [
                Click(row, col, index < half)
                for index, (row, col, _) in enumerate(rows)
                if not (row < 0 and col < 0)
            ]
            for rows in batch
        ]
    )


@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag != "outside_grid"])
def test_disks_equal_the_golden_maps(tag):
    drawn = prompt_maps(points_of(tag).inside(SIZE), SIZE).numpy()
    expected = GOLDEN[f"{tag}_maps"].reshape(drawn.shape)
    np.testing.assert_array_equal(drawn, expected)


def test_clicks_outside_the_input_are_not_drawn():
    # Differs from the golden maps on purpose: there, a click beyond one border only still paints.
    points = points_of("outside_grid")
    drawn = prompt_maps(points.inside(SIZE), SIZE)
    inside = [
        (0 <= row < SIZE[0]) and (0 <= col < SIZE[1]) for row, col in points.nodes[0].tolist()
    ]
    assert not all(inside)
    assert points.inside(SIZE).valid[0].tolist() == inside
    np.testing.assert_array_equal(
        prompt_maps(points, SIZE)[0].numpy(), GOLDEN["outside_grid_maps"].reshape(2, *SIZE)
    )
    assert bool(drawn.any()) == any(inside)
