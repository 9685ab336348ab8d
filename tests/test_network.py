"""The network: sizes, padding, initial weights, projection, short windows."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate

from eegsep import EEGNet


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
    ],
)
def test_a_wrong_size_or_name_is_named(wrong, error, text):
    with pytest.raises(error, match=text):
        EEGNet(**{"n_chans": 4, "n_times": 64, "n_outputs": 2, **wrong})


def test_windows_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(B, 4, 64\)"):
        EEGNet(4, 64, 2)(torch.zeros(1, 4, 65))
