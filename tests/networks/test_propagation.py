"""SGM and HSGM: the paper's equations, padding, and their cost."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from napari_iafpn.networks.propagation import HSGM, SGM, SparseGraph, propagate

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "propagation.npz")
TAGS = sorted({key.split("/")[0] for key in GOLDEN})


def golden(tag, name):
    return torch.from_numpy(np.asarray(GOLDEN[f"{tag}/{name}"], dtype=np.float64))


def conv(weight, bias):
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 1, dtype=torch.float64)
    layer.weight.data = weight[..., None, None].clone()
    layer.bias.data = bias.clone()
    return layer


@pytest.mark.parametrize("tag", TAGS)
def test_reproduces_the_equations(tag):
    query, value = golden(tag, "query")[None], golden(tag, "value")[None]
    rows_cols = GOLDEN[f"{tag}/nodes"].astype(np.int64)
    nodes = torch.from_numpy(rows_cols[:, 0] * query.shape[-1] + rows_cols[:, 1])[None]
    out = propagate(
        query,
        value,
        nodes,
        torch.ones_like(nodes, dtype=torch.bool),
        theta=conv(golden(tag, "theta_w"), golden(tag, "theta_b")),
        phi=conv(golden(tag, "phi_w"), golden(tag, "phi_b")),
        weight=conv(golden(tag, "w"), golden(tag, "b")),
        gamma=golden(tag, "gamma"),
    )
    torch.testing.assert_close(out[0], golden(tag, "out"), rtol=0, atol=1e-6)


def test_a_smaller_query_stands_for_its_enlargement():
    torch.manual_seed(2)
    graph = lively(SparseGraph(6, 4)).double()
    query = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    value = torch.randn(2, 4, 10, 8, dtype=torch.float64)
    nodes = torch.tensor([[0, 13, 79], [7, 42, 0]])
    valid = torch.tensor([[True, True, True], [True, True, False]])
    large = nn.functional.interpolate(query, (10, 8), mode="bilinear", align_corners=False)
    expected = graph(large, value, nodes, valid)
    torch.testing.assert_close(graph(query, value, nodes, valid), expected, rtol=0, atol=1e-12)


def lively(graph):
    graph.gamma.data.fill_(0.8)
    return graph


def test_padding_changes_nothing():
    torch.manual_seed(0)
    graph = lively(SparseGraph(8, 8)).double()
    features = torch.randn(2, 8, 6, 5, dtype=torch.float64)
    nodes = torch.tensor([[3, 29, 0], [7, 0, 0]])
    valid = torch.tensor([[True, True, True], [True, False, False]])
    together = graph(features, features, nodes, valid)
    alone = graph(features[1:], features[1:], nodes[1:, :1], valid[1:, :1])
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_only_valid_nodes_speak_in_either_order_of_memory(order):
    torch.manual_seed(3)
    graph = lively(SparseGraph(6, 4))
    query = torch.randn(3, 6, 3, 5).to(memory_format=order)
    value = torch.randn(3, 4, 6, 10).to(memory_format=order)
    nodes = torch.tensor([[0, 59, 31], [8, 8, 8], [1, 2, 3]])
    valid = torch.tensor([[False, True, True], [False] * 3, [True, False, False]])
    out = graph(query, value, nodes, valid)
    assert torch.equal(out[1], value[1])
    for sample in (0, 2):
        one = slice(sample, sample + 1)
        few = nodes[one][:, valid[sample]]
        alone = graph(query[one], value[one], few, torch.ones_like(few).bool())
        torch.testing.assert_close(out[one], alone, rtol=1e-5, atol=1e-5)


def test_without_a_valid_click_the_value_comes_back():
    graph = lively(SparseGraph(8, 8))
    features = torch.randn(1, 8, 6, 5)
    out = graph(features, features, torch.zeros(1, 2, dtype=torch.long), torch.zeros(1, 2).bool())
    assert torch.equal(out, features)


def test_equals_the_dense_graph_on_8_x_8():
    """Against a dense attention over all 64 cells with everything but the clicks masked out."""
    torch.manual_seed(1)
    graph = lively(SparseGraph(6, 6)).double()
    features = torch.randn(1, 6, 8, 8, dtype=torch.float64)
    nodes = torch.tensor([[0, 9, 63]])
    query, key = graph.theta(features).flatten(2), graph.phi(features).flatten(2)
    scores = key.transpose(1, 2) @ query / 3**0.5
    dense = torch.full_like(scores, -torch.inf)
    dense[:, nodes[0]] = scores[:, nodes[0]]
    message = graph.weight(features).flatten(2) @ dense.softmax(dim=1)
    expected = features + 0.8 * message.view_as(features)
    got = graph(features, features, nodes, torch.ones_like(nodes).bool())
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("heavy", [False, True])
def test_modules_keep_their_shapes_and_start_as_identity_of_the_graph(heavy):
    features, stem = torch.randn(2, 8, 4, 6), torch.randn(2, 5, 8, 12)
    nodes, valid = torch.tensor([[1], [2]]), torch.ones(2, 1).bool()
    assert SGM(8, heavy=heavy)(features, nodes, valid).shape == features.shape
    assert HSGM(5, 8, heavy=heavy)(stem, features, nodes, valid).shape == (2, 8, 8, 12)


def test_cost_is_linear_in_pixels():
    graph = SparseGraph(16, 16)

    def cost(side):
        features = torch.zeros(1, 16, side, 32)
        nodes = torch.zeros(1, 6, dtype=torch.long)
        with FlopCounterMode(display=False) as counter:
            graph(features, features, nodes, torch.ones_like(nodes).bool())
        return counter.get_total_flops()

    per_row = cost(33) - cost(32)
    assert cost(64) - cost(32) == 32 * per_row
