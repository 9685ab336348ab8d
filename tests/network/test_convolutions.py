"""The family of convolutions: each is the standard convolution whose kernel its formula gives."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from eegsep.network.convolutions import (
    FAMILY,
    DepthwiseConv2d,
    DepthwiseSeparableConv2d,
    ExtremeInceptionConv2d,
    GroupedConv2d,
    InceptionConv2d,
    LowRankConv2d,
    PointwiseConv2d,
    ShuffleConv2d,
    SpatiallySeparableConv2d,
    StandardConv2d,
    channel_shuffle,
)

# not square, and with what else a convolution may have, not the same along both axes
PLACES = [
    {"kernel_size": (3, 5)},
    {"kernel_size": (4, 1), "padding": (1, 0)},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)},
    {"kernel_size": (3, 3), "stride": 2, "padding": 1},
]
places = pytest.mark.parametrize("place", PLACES, ids=str)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def image(channels=4, height=9, width=11):
    return torch.randn(2, channels, height, width, dtype=torch.float64)


def standard(x, kernel, place):
    """Torch's convolution with a kernel."""
    rest = {name: value for name, value in place.items() if name != "kernel_size"}
    return F.conv2d(x, kernel, **rest)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)


# -- identities ----------------------------------------------------------------------------------


@places
def test_standard_is_torchs_own_without_bias(place):
    layer = StandardConv2d(4, 6, **place).double()
    own = nn.Conv2d(4, 6, **place, bias=False).double()
    own.load_state_dict(layer.state_dict())
    x = image()
    assert torch.equal(layer(x), own(x))


@places
def test_grouped_with_one_group_is_standard_to_the_last_bit(place):
    grouped, whole = GroupedConv2d(4, 6, **place, groups=1), StandardConv2d(4, 6, **place)
    whole.load_state_dict(grouped.state_dict())
    x = image().float()
    assert torch.equal(grouped(x), whole(x))


@places
def test_grouped_with_a_group_a_channel_is_depthwise_to_the_last_bit(place):
    grouped, depthwise = GroupedConv2d(4, 8, **place, groups=4), DepthwiseConv2d(4, 8, **place)
    depthwise.load_state_dict(grouped.state_dict())
    x = image().float()
    assert torch.equal(grouped(x), depthwise(x))


@places
def test_depthwise_is_a_convolution_of_each_channel_by_itself(place):
    layer, x = DepthwiseConv2d(4, 12, **place).double(), image()
    alone = [standard(x[:, [c]], layer.weight[3 * c : 3 * c + 3], place) for c in range(4)]
    close(layer(x), torch.cat(alone, dim=1))


def test_pointwise_is_a_matrix_at_each_place():
    layer, x = PointwiseConv2d(4, 6).double(), image()
    close(layer(x), torch.einsum("oi,bihw->bohw", layer.weight[:, :, 0, 0], x))


@places
def test_depthwise_separable_is_standard_with_a_product_kernel(place):
    layer, x = DepthwiseSeparableConv2d(4, 6, **place).double(), image()
    pointwise, depthwise = layer.pointwise.weight[:, :, 0, 0], layer.depthwise.weight[:, 0]
    close(layer(x), standard(x, torch.einsum("oi,iyx->oiyx", pointwise, depthwise), place))


@places
def test_a_multiplier_sums_product_kernels(place):
    layer, x = DepthwiseSeparableConv2d(4, 6, **place, multiplier=3).double(), image()
    pointwise = layer.pointwise.weight[:, :, 0, 0].unflatten(1, (4, 3))
    depthwise = layer.depthwise.weight[:, 0].unflatten(0, (4, 3))
    close(layer(x), standard(x, torch.einsum("oim,imyx->oiyx", pointwise, depthwise), place))


@places
def test_spatially_separable_is_standard_with_kernels_of_rank_one(place):
    layer, x = SpatiallySeparableConv2d(4, 6, **place).double(), image()
    column = layer.column.weight[:, 0, :, 0].unflatten(0, (4, 6))  # by channel in, then out
    row = layer.row.weight[:, :, 0]
    kernel = torch.einsum("ioy,oix->oiyx", column, row)
    assert (torch.linalg.matrix_rank(kernel) == 1).all()
    close(layer(x), standard(x, kernel, place))


@places
def test_low_rank_is_standard_with_the_kernel_it_gives(place):
    rank = min(2, place["kernel_size"][1])
    layer, x = LowRankConv2d(4, 6, **place, rank=rank).double(), image()
    close(layer(x), standard(x, layer.kernel(), place))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_low_rank_kernels_have_that_rank_over_column_and_row(rank):
    layer = LowRankConv2d(2, 6, (4, 5), rank=rank).double()
    ranks = torch.linalg.matrix_rank(layer.kernel().flatten(1, 2))
    assert ranks.tolist() == [rank] * 6


@pytest.mark.parametrize(("in_channels", "kernel_size"), [(1, (3, 5)), (1, (5, 2)), (2, (2, 7))])
def test_low_rank_at_full_rank_can_be_any_standard_convolution(in_channels, kernel_size):
    full = min(in_channels * kernel_size[0], kernel_size[1])
    layer = LowRankConv2d(in_channels, 3, kernel_size, rank=full).double()
    whole, x = StandardConv2d(in_channels, 3, kernel_size).double(), image(in_channels)
    u, s, v = torch.linalg.svd(whole.weight.flatten(1, 2), full_matrices=False)
    with torch.no_grad():
        column = (u * s[:, None]).mT.reshape(3 * full, in_channels, kernel_size[0], 1)
        layer.column.weight.copy_(column)
        layer.row.weight.copy_(v.unsqueeze(2))
    close(layer(x), whole(x))


def test_low_rank_of_one_channel_and_rank_one_is_spatially_separable():
    low_rank = LowRankConv2d(1, 6, (3, 5), rank=1).double()
    separable, x = SpatiallySeparableConv2d(1, 6, (3, 5)).double(), image(1)
    separable.load_state_dict(low_rank.state_dict())
    close(separable(x), low_rank(x))


@places
def test_inception_is_its_towers_side_by_side(place):
    layer, x = InceptionConv2d(4, 6, **place, n_towers=3).double(), image()
    towers = []
    for n in range(3):
        own = slice(2 * n, 2 * n + 2)
        mixed = F.conv2d(x, layer.pointwise.weight[own])
        towers.append(standard(mixed, layer.towers.weight[own], place))
    close(layer(x), torch.cat(towers, dim=1))


@places
def test_extreme_inception_is_inception_with_a_tower_a_channel(place):
    extreme = ExtremeInceptionConv2d(4, 6, **place)
    inception = InceptionConv2d(4, 6, **place, n_towers=6)
    inception.load_state_dict(extreme.state_dict())
    x = image().float()
    assert torch.equal(inception(x), extreme(x))


@places
def test_extreme_inception_is_standard_with_a_product_kernel(place):
    layer, x = ExtremeInceptionConv2d(4, 6, **place).double(), image()
    pointwise, depthwise = layer.pointwise.weight[:, :, 0, 0], layer.towers.weight[:, 0]
    close(layer(x), standard(x, torch.einsum("oi,oyx->oiyx", pointwise, depthwise), place))


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (DepthwiseSeparableConv2d, "depthwise", "pointwise"),
        (ExtremeInceptionConv2d, "pointwise", "towers"),
    ],
)
def test_a_nonlinearity_comes_between_the_steps(kind, first, second):
    layer, x = kind(4, 6, (3, 5), padding=1, activation=nn.ReLU()).double(), image()
    first, second = getattr(layer, first), getattr(layer, second)
    close(layer(x), second(first(x).clamp_min(0)))


# -- the shuffle ---------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_channel_shuffle_is_torchs(groups):
    x = image(6)
    assert torch.equal(channel_shuffle(x, groups), torch.channel_shuffle(x, groups))


def sees(layer, channels=4):
    """Whether a gradient passes from each output (rows) to each input (columns)."""
    x = image(channels).requires_grad_()
    y = layer.double()(x)
    rows = [torch.autograd.grad(y[:, o].sum(), x, retain_graph=True)[0] for o in range(y.shape[1])]
    return torch.stack([row.abs().sum((0, 2, 3)) > 0 for row in rows])


@pytest.mark.parametrize(("channels", "groups"), [(4, 2), (8, 2), (9, 3)])
def test_with_the_shuffle_every_output_sees_every_input(channels, groups):
    assert sees(ShuffleConv2d(channels, channels, (3, 2), groups=groups), channels).all()


def test_without_the_shuffle_groups_never_meet(monkeypatch):
    monkeypatch.setattr("eegsep.network.convolutions.channel_shuffle", lambda x, groups: x)
    own_group = torch.block_diag(*torch.ones(2, 2, 2)).bool()
    assert torch.equal(sees(ShuffleConv2d(4, 4, (3, 2), groups=2)), own_group)


def test_with_fewer_maps_than_groups_squared_the_shuffle_does_not_reach_all():
    assert not sees(ShuffleConv2d(8, 8, (3, 2), groups=4), 8).all()


# -- shapes --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(10, 14), st.integers(10, 14)),
)
def test_all_have_the_output_shape_of_the_standard_one(kernel, stride, padding, dilation, size):
    place = {"stride": stride, "padding": padding, "dilation": dilation}
    x = torch.zeros(1, 4, *size)
    shapes = {
        name: layer(4, 8, kernel, **place)(x).shape
        for name, layer in FAMILY.items()
        if name != "pointwise"
    }
    expected = nn.Conv2d(4, 8, kernel, **place)(x).shape
    assert shapes == dict.fromkeys(shapes, expected)
    pointwise = PointwiseConv2d(4, 8, 1, **place)(x)
    assert pointwise.shape == nn.Conv2d(4, 8, 1, **place)(x).shape


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 4), (4, 2)])
def test_same_padding_keeps_the_size(name, kernel):
    kernel = 1 if name == "pointwise" else kernel
    assert FAMILY[name](4, 8, kernel, padding="same")(torch.zeros(1, 4, 7, 6)).shape[2:] == (7, 6)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(2, 3), (3, 4), (4, 4)])
def test_same_padding_has_the_odd_zero_where_torch_has_it(kernel):
    layer, x = StandardConv2d(4, 6, kernel, padding="same", dilation=(1, 3)).double(), image()
    close(layer(x), F.conv2d(x, layer.weight, padding="same", dilation=(1, 3)))


@pytest.mark.parametrize("name", FAMILY)
def test_none_has_a_bias(name):
    layer = FAMILY[name](4, 8, 1)
    assert not layer(torch.zeros(1, 4, 5, 5)).any()


# -- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: StandardConv2d(0, 4, 3), "in_channels must be an integer of at least 1"),
        (lambda: StandardConv2d(4, 4, (3, 0)), "kernel_size must be an integer of at least 1"),
        (lambda: StandardConv2d(4, 4, 3, 2, "same"), "needs a stride of 1"),
        (lambda: GroupedConv2d(4, 6, 3, groups=3), "groups=3 must divide in_channels=4"),
        (lambda: DepthwiseConv2d(4, 6, 3), "out_channels=6 must be a multiple of in_channels=4"),
        (lambda: PointwiseConv2d(4, 6, 3), "kernel_size 1, got 3"),
        (lambda: LowRankConv2d(1, 6, (3, 5), rank=4), "rank=4 is above the full rank .*, 3"),
        (lambda: InceptionConv2d(4, 6, 3, n_towers=4), "n_towers=4 must divide out_channels=6"),
        (
            lambda: ShuffleConv2d(4, 6, 3, hidden_channels=5),
            "groups=2 must divide hidden_channels=5",
        ),
    ],
)
def test_what_cannot_be_is_named(make, text):
    with pytest.raises(ValueError, match=text):
        make()
