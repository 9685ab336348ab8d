"""The network: sizes, padding, initial weights, projection, short windows."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate

from eegsep import EEGNet, EEGNetClassifier
from eegsep.network import (
    check_convolutions,
    count_parameters,
    matched_F1,
    parse_convolution,
)
from tests.conftest import make_trials


def n_parameters(**sizes):
    return sum(p.numel() for p in EEGNet(**sizes).parameters())


# Lawhern et al. 2018, table 3; (n_chans, n_times, n_outputs, kernel_length) at 128 Hz
PAPER = {
    "P300": ((64, 128, 2, 64), {4: 1066, 8: 2258}),
    "ERN": ((64, 160, 2, 64), {4: 1082, 8: 2290}),
    "MRCP": ((64, 192, 2, 64), {4: 1098, 8: 2322}),
    "SMR": ((22, 256, 4, 32), {4: 796, 8: 1716}),
}


@pytest.mark.parametrize("F1", [4, 8])
@pytest.mark.parametrize("row", PAPER)
def test_parameter_count_is_that_of_the_papers_table(row, F1):
    (n_chans, n_times, n_outputs, kernel_length), expected = PAPER[row]
    sizes = {"n_chans": n_chans, "n_times": n_times, "n_outputs": n_outputs}
    assert n_parameters(**sizes, kernel_length=kernel_length, F1=F1) == expected[F1]


@pytest.mark.parametrize(
    ("spatial", "separable", "expected"),
    [
        ("depthwise", "separable", 2484),
        ("standard", "separable", 4948),
        ("depthwise", "standard", 6068),
        ("standard", "standard", 8532),
    ],
)
def test_parameter_count_of_the_ablations(spatial, separable, expected):
    sizes = {"n_chans": 22, "n_times": 512, "n_outputs": 4, "kernel_length": 64}
    assert n_parameters(**sizes, spatial=spatial, separable=separable) == expected


@pytest.mark.parametrize("kernel_length", [1, 2, 5, 8, 33, 64])
def test_temporal_filter_keeps_the_window_with_the_extra_zero_on_the_right(kernel_length):
    net = EEGNet(2, 64, 2, kernel_length=kernel_length)
    x = np.random.default_rng(0).normal(size=64).astype("float32")
    kernel = net.temporal.weight[0, 0, 0].detach().numpy()
    out = net.temporal(torch.from_numpy(x).expand(1, 1, 2, -1))[0, 0, 0].detach().numpy()
    # TensorFlow's rule: (K - 1) // 2 zeros on the left
    left = (kernel_length - 1) // 2
    full = correlate(np.pad(x, (left, kernel_length - 1 - left)), kernel, mode="valid")
    np.testing.assert_allclose(out, full, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "fan_in", "fan_out"),
    [
        ("temporal", 64, 64 * 8),
        ("spatial", 22 * 8, 22 * 2),  # Keras's kernel (22, 1, 8, 2)
        ("separable_depthwise", 16 * 16, 16),
        ("pointwise", 16, 16),
    ],
)
def test_initial_weights_fill_keras_glorot_range(layer, fan_in, fan_out):
    limit = np.sqrt(6 / (fan_in + fan_out))
    drawn = torch.cat(
        [
            getattr(EEGNet(22, 256, 4, spatial_max_norm=None), layer).weight.detach().flatten()
            for _ in range(40)
        ]
    )
    assert drawn.abs().max() <= limit
    assert drawn.abs().max() > 0.99 * limit
    np.testing.assert_allclose(drawn.std(), limit / np.sqrt(3), rtol=0.05)


def test_classifier_starts_with_glorot_weights_inside_its_ball_and_no_bias():
    net = EEGNet(22, 256, 4)
    limit = np.sqrt(6 / (16 * 8 + 4))
    assert net.classifier.weight.abs().max() <= limit
    assert not net.classifier.bias.any()


def test_batch_normalisation_has_keras_constants():
    norms = [m for m in EEGNet(4, 64, 2).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [(m.eps, m.momentum) for m in norms] == [(1e-3, 0.01)] * 3


def test_projection_bounds_each_spatial_filter_and_classifier_row():
    net = EEGNet(22, 256, 4)
    with torch.no_grad():
        net.spatial.weight.mul_(100)
        net.classifier.weight.mul_(100)
    net.project_()
    spatial = net.spatial.weight.detach().flatten(1).norm(dim=1)
    np.testing.assert_allclose(spatial, 1, rtol=1e-5)
    np.testing.assert_allclose(net.classifier.weight.detach().norm(dim=1), 0.25, rtol=1e-5)


def test_projection_leaves_weights_inside_the_ball_alone():
    net = EEGNet(22, 256, 4)
    with torch.no_grad():
        net.spatial.weight.mul_(0.01)
    before = net.spatial.weight.clone()
    assert torch.equal(net.project_().spatial.weight, before)


def test_initial_weights_are_projected():
    net = EEGNet(64, 128, 2, spatial="standard")
    assert net.spatial.weight.flatten(1).norm(dim=1).max() <= 1 + 1e-5
    assert net.classifier.weight.norm(dim=1).max() <= 0.25 + 1e-6


@pytest.mark.parametrize("n_times", [1, 2, 3, 4, 7, 31, 32, 33])
def test_short_windows_shrink_kernels_and_pools(n_times):
    net = EEGNet(3, n_times, 2)
    assert net(torch.randn(4, 3, n_times)).shape == (4, 2)
    assert net.kernel_length == min(64, n_times)


def test_same_generator_seed_gives_same_weights_and_spares_the_global_generator():
    state = torch.get_rng_state()
    first, second = (EEGNet(4, 64, 2, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_standard_spatial_with_block_structure_equals_depthwise():
    """A depthwise convolution is the standard one with zeros between the groups."""
    depthwise = EEGNet(5, 64, 3).eval()
    standard = EEGNet(5, 64, 3, spatial="standard").eval()
    state = depthwise.state_dict()
    full = torch.zeros_like(standard.spatial.weight)
    for m in range(16):
        full[m, m // 2] = state["spatial.weight"][m, 0]
    standard.load_state_dict({**state, "spatial.weight": full})
    x = torch.randn(2, 5, 64)
    torch.testing.assert_close(standard(x), depthwise(x), atol=1e-6, rtol=0)


def test_standard_second_block_with_product_kernel_equals_separable():
    """A depthwise separable convolution is the standard one with kernel p[o, i] * d[i, t]."""
    separable = EEGNet(5, 64, 3).eval()
    standard = EEGNet(5, 64, 3, separable="standard").eval()
    state = separable.state_dict()
    depthwise = state.pop("separable_depthwise.weight")
    pointwise = state.pop("pointwise.weight")
    state["separable_standard.weight"] = pointwise * depthwise.transpose(0, 1)
    standard.load_state_dict(state)
    x = torch.randn(2, 5, 64)
    torch.testing.assert_close(standard(x), separable(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"n_chans": 0}, ValueError, "n_chans must be at least 1"),
        ({"F1": 2.5}, TypeError, "F1 must be an integer"),
        ({"drop_prob": 1}, ValueError, "drop_prob"),
        ({"spatial": "joined"}, ValueError, "spatial must be one of"),
        ({"separable": "joined"}, ValueError, "separable must be one of"),
        ({"dense_max_norm": 0}, ValueError, "dense_max_norm must be positive"),
        ({"spatial": "grouped"}, ValueError, 'spatial must be one of .*"grouped:<groups>"'),
        ({"spatial": "grouped:0"}, ValueError, "got 'grouped:0'"),
        ({"spatial": "joint:2"}, ValueError, "got 'joint:2'"),
        ({"spatial": "grouped:3"}, ValueError, "needs groups that divide F1=8"),
        ({"spatial": "low_rank:5"}, ValueError, "rank=5 is above the full rank .*, 4"),
        ({"separable": 4}, ValueError, "separable must be one of .* got 4"),
        ({"separable": "shuffle:3"}, ValueError, r"groups dividing F1 \* D=16 and F2=16"),
        ({"separable": "inception:3"}, ValueError, "towers dividing F2=16"),
        ({"spatial": "joint", "F1": "matched", "n_chans": 64}, ValueError, "F1=1 has .* already"),
        ({"spatial": "grouped:9", "F1": "matched"}, ValueError, "F1 up to 8 would, but groups"),
    ],
)
def test_a_wrong_size_or_name_is_named(wrong, error, text):
    with pytest.raises(error, match=text):
        EEGNet(**{"n_chans": 4, "n_times": 64, "n_outputs": 2, **wrong})


def test_windows_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(B, 4, 64\)"):
        EEGNet(4, 64, 2)(torch.zeros(1, 4, 65))


# -- other convolutions --------------------------------------------------------------------------

SPATIAL = ("depthwise", "grouped:2", "standard", "joint", "low_rank:3")
SEPARABLE = (
    "separable",
    "grouped:4",
    "standard",
    "shuffle:4",
    "inception",
    "inception:8",
    "spatially_separable",
)


@pytest.mark.parametrize("separable", SEPARABLE)
@pytest.mark.parametrize("spatial", SPATIAL)
def test_formula_counts_the_parameters_of_every_variant(spatial, separable):
    for sizes in ((5, 64, 3), (4, 7, 2)):
        net = EEGNet(*sizes, F2=8, kernel_length=9, spatial=spatial, separable=separable)
        expected = count_parameters(
            *sizes, F2=8, kernel_length=9, spatial=spatial, separable=separable
        )
        assert sum(p.numel() for p in net.parameters()) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("spatial", "depthwise", ("depthwise", None)),
        ("spatial", "grouped:4", ("grouped", 4)),
        ("spatial", "low_rank:12", ("low_rank", 12)),
        ("separable", "inception", ("inception", 4)),
        ("separable", "inception:2", ("inception", 2)),
    ],
)
def test_convolutions_are_read(name, text, expected):
    assert parse_convolution(name, text) == expected


def test_groups_need_divide_only_what_they_split():
    check_convolutions("grouped:3", "inception:5", 3, 2, 5)


@pytest.mark.parametrize(
    ("name", "grouped", "plain"),
    [
        ("spatial", "grouped:8", "depthwise"),
        ("spatial", "grouped:1", "standard"),
        ("separable", "grouped:1", "standard"),
    ],
)
def test_grouped_ends_in_depthwise_and_in_standard_from_the_first_weights_on(name, grouped, plain):
    first, second = (
        EEGNet(5, 64, 3, **{name: kind}, generator=torch.Generator().manual_seed(0)).eval()
        for kind in (grouped, plain)
    )
    x = torch.randn(2, 5, 64)
    assert torch.equal(first(x), second(x))


def test_joint_kernel_of_products_equals_the_published_block():
    """Rank one: the temporal filter, scaled by its normalisation, times the spatial one."""
    published, joint = EEGNet(5, 64, 3).eval(), EEGNet(5, 64, 3, spatial="joint").eval()
    norm = published.temporal_norm
    state = published.state_dict()
    temporal = state.pop("temporal.weight")[:, 0, 0] / (1 + norm.eps) ** 0.5  # running variance 1
    spatial = state.pop("spatial.weight")[:, 0, :, 0]
    for part in list(norm.state_dict()):
        del state[f"temporal_norm.{part}"]
    kernel = torch.einsum("mc,mk->mck", spatial, temporal.repeat_interleave(2, 0))
    joint.load_state_dict({**state, "joint.weight": kernel.unsqueeze(1)})
    x = torch.randn(2, 5, 64)
    torch.testing.assert_close(joint(x), published(x), atol=1e-6, rtol=0)


def test_low_rank_network_is_the_joint_one_with_its_kernels():
    low_rank = EEGNet(5, 64, 3, spatial="low_rank:3", kernel_length=10).eval()
    joint = EEGNet(5, 64, 3, spatial="joint", kernel_length=10).eval()
    state = low_rank.state_dict()
    for part in ("column", "row"):
        del state[f"low_rank.{part}.weight"]
    joint.load_state_dict({**state, "joint.weight": low_rank.low_rank.kernel().detach()})
    x = torch.randn(2, 5, 64)
    torch.testing.assert_close(joint(x), low_rank(x), atol=1e-6, rtol=0)


def test_spatially_separable_second_block_has_kernels_of_rank_one_over_maps_and_time():
    separable = EEGNet(5, 64, 3, separable="spatially_separable").eval()
    standard = EEGNet(5, 64, 3, separable="standard").eval()
    state = separable.state_dict()
    maps = state.pop("separable_conv.pointwise.weight")[:, :, 0, 0]
    time = state.pop("separable_conv.towers.weight")[:, 0, 0]
    state["separable_standard.weight"] = torch.einsum("om,ot->omt", maps, time).unsqueeze(2)
    standard.load_state_dict(state)
    x = torch.randn(2, 5, 64)
    torch.testing.assert_close(standard(x), separable(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("spatial", ["grouped:2", "joint", "low_rank:3"])
def test_projection_bounds_all_the_weights_of_an_output_map(spatial):
    net = EEGNet(5, 64, 3, spatial=spatial)

    def kernels():
        if spatial == "low_rank:3":
            return net.low_rank.kernel().detach().flatten(1)
        return getattr(net, "joint" if spatial == "joint" else "spatial").weight.detach().flatten(1)

    with torch.no_grad():
        for p in net.parameters():
            p.mul_(10)
    before = kernels()
    net.project_()
    np.testing.assert_allclose(kernels().norm(dim=1), 1, rtol=1e-5)
    direction = before / before.norm(dim=1, keepdim=True)
    torch.testing.assert_close(kernels(), direction, atol=1e-6, rtol=1e-5)


def test_projection_leaves_low_rank_kernels_inside_the_ball_alone():
    net = EEGNet(5, 64, 3, spatial="low_rank:3")
    with torch.no_grad():
        net.low_rank.column.weight.mul_(0.01)
    before = net.low_rank.column.weight.clone()
    assert torch.equal(net.project_().low_rank.column.weight, before)


@pytest.mark.parametrize("separable", SEPARABLE)
@pytest.mark.parametrize("spatial", SPATIAL)
def test_variants_start_without_torchs_global_generator(spatial, separable):
    state = torch.get_rng_state()
    first, second = (
        EEGNet(
            4,
            64,
            2,
            spatial=spatial,
            separable=separable,
            generator=torch.Generator().manual_seed(3),
        )
        for _ in range(2)
    )
    assert torch.equal(state, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


# -- matched -------------------------------------------------------------------------------------


def test_published_network_is_matched_by_itself():
    assert EEGNet(22, 512, 4, F1="matched").F1 == 8


def test_matched_standard_network_is_where_its_quadratic_crosses_the_published_count():
    """With D = 2, F2 = 2 F1: 2 C F1^2 + 4 F1^2 + (K + 2 + 4 + 32 + 4 + 2 N S) F1 + N <= 2484."""
    C, K, N, S = 22, 64, 4, 16
    a, b = 2 * C + 4, K + 2 + 4 + 32 + 4 + 2 * N * S
    root = (-b + (b**2 + 4 * a * (2484 - N)) ** 0.5) / (2 * a)
    assert EEGNet(C, 512, N, spatial="standard", F1="matched").F1 == int(root) == 5


@pytest.mark.parametrize("F2", [None, 8])
@pytest.mark.parametrize(
    ("spatial", "separable"),
    [("standard", "standard"), ("low_rank:2", "separable"), ("depthwise", "shuffle:4")],
)
def test_matched_network_has_no_more_parameters_and_the_next_would(spatial, separable, F2):
    sizes = {"n_chans": 22, "n_times": 512, "n_outputs": 4, "D": 2, "F2": F2}
    kinds = {"spatial": spatial, "separable": separable}
    most = n_parameters(**sizes)
    F1 = matched_F1(**sizes, **kinds)
    assert n_parameters(**sizes, **kinds, F1="matched") == n_parameters(**sizes, **kinds, F1=F1)
    step = 2 if separable == "shuffle:4" else 1  # four groups divide an even number of pairs
    assert n_parameters(**sizes, **kinds, F1=F1) <= most
    assert n_parameters(**sizes, **kinds, F1=F1 + step) > most


# -- in the classifier ---------------------------------------------------------------------------


def fitted(**parameters):
    parameters = {"sfreq": 128, "max_epochs": 2, "random_state": 0, **parameters}
    X, y = make_trials(12)
    return EEGNetClassifier(**parameters).fit(X, y), X


@pytest.mark.parametrize(
    "variant",
    [
        {"spatial": "grouped:2"},
        {"spatial": "joint"},
        {"spatial": "low_rank:2"},
        {"separable": "grouped:4"},
        {"separable": "shuffle:4"},
        {"separable": "inception"},
        {"separable": "spatially_separable"},
        {"spatial": "standard", "separable": "standard", "F1": "matched"},
    ],
    ids=str,
)
def test_classifier_trains_the_variant(variant):
    clf, X = fitted(**variant)
    net = clf.module_
    assert clf.predict_proba(X).shape == (12, 2)
    assert clf.get_params() | variant == clf.get_params()
    for name in {"spatial", "separable"} & set(variant):
        assert getattr(net, f"{name}_kind") == variant[name].partition(":")[0]


def test_classifier_tells_groups_that_do_not_fit_before_it_looks_at_the_data():
    with pytest.raises(ValueError, match="spatial='grouped:3' needs groups that divide F1=8"):
        EEGNetClassifier(spatial="grouped:3").fit(None, None)


@pytest.mark.parametrize("F1", [8, "matched"])
def test_classifier_names_a_convolution_that_there_is_not(F1):
    with pytest.raises(ValueError, match=r"The 'separable' parameter .* got 'shuffle'"):
        EEGNetClassifier(F1=F1, separable="shuffle").fit(None, None)


def test_spatial_first_is_refused_where_space_and_time_are_one_kernel():
    with pytest.raises(ValueError, match=r"spatial_first.* cannot evaluate spatial='joint'"):
        fitted(spatial="joint", algorithm="spatial_first")


@pytest.mark.parametrize("spatial", ["grouped:2", "joint", "low_rank:1"])
def test_kinds_without_a_single_spatial_filter_have_no_filters(spatial):
    assert not hasattr(fitted(spatial=spatial)[0], "filters_")


def test_one_group_a_filter_has_filters():
    # from random weights: a start is of the published convolutions alone
    grouped, published = (
        fitted(spatial=spatial, init="glorot")[0] for spatial in ("grouped:8", "depthwise")
    )
    np.testing.assert_array_equal(grouped.filters_, published.filters_)
