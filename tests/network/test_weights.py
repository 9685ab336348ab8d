"""Weights to and from braindecode, and what cannot be exchanged (Keras: test_keras_parity)."""

import warnings

import numpy as np
import pytest
import torch

from eegsep import EEGNet
from eegsep.network import from_braindecode, from_keras, to_braindecode, to_keras

SIZES = {"n_chans": 6, "n_times": 128, "n_outputs": 3}


def braindecode_eegnet(kernel_length, depthwise_kernel_length, constrained=False, **sizes):
    from braindecode.models import EEGNet as BraindecodeEEGNet

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return BraindecodeEEGNet(
            **{**SIZES, **sizes},
            kernel_length=kernel_length,
            depthwise_kernel_length=depthwise_kernel_length,
            final_layer_with_constraint=constrained,
        ).eval()


def with_statistics(model):
    """Give the normalisations running statistics and scales that are not at rest."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                torch.nn.init.uniform_(tensor, 0.5, 1.5)
    return model


@pytest.mark.parametrize("constrained", [False, True])
def test_network_computes_what_braindecodes_does_for_odd_kernels(constrained):
    model = with_statistics(braindecode_eegnet(33, 15, constrained))
    net = EEGNet(**SIZES, kernel_length=33, separable_kernel_length=15).eval()
    from_braindecode(net, model)
    x = torch.randn(5, 6, 128)
    torch.testing.assert_close(net(x), model(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("constrained", [False, True])
def test_braindecode_computes_what_the_network_does_for_odd_kernels(constrained):
    net = with_statistics(EEGNet(**SIZES, kernel_length=33, separable_kernel_length=15)).eval()
    model = to_braindecode(net, braindecode_eegnet(33, 15, constrained))
    x = torch.randn(5, 6, 128)
    torch.testing.assert_close(model(x), net(x), atol=1e-5, rtol=0)


def test_with_an_even_kernel_braindecode_lags_by_a_sample():
    model = braindecode_eegnet(32, 16)
    net = from_braindecode(EEGNet(**SIZES, kernel_length=32).eval(), model)
    x = torch.randn(2, 1, 6, 128)
    torch.testing.assert_close(
        net.temporal(x)[..., :-1], model.conv_temporal(x)[..., 1:-1], atol=1e-6, rtol=0
    )


def test_to_keras_gives_copies():
    net = EEGNet(**SIZES)
    weights = to_keras(net)
    weights[2][:] = 7
    assert not (net.temporal_norm.bias == 7).any()


def test_keras_round_trip_is_exact():
    source = with_statistics(EEGNet(**SIZES))
    target = from_keras(EEGNet(**SIZES), to_keras(source))
    for a, b in zip(to_keras(source), to_keras(target), strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_weights_of_another_montage_are_refused_and_nothing_is_loaded():
    net = EEGNet(**SIZES)
    before = to_keras(net)
    with pytest.raises(ValueError, match=r"Array 5 has shape \(7, 1, 8, 2\), expected \(6, 1, 8"):
        from_keras(net, to_keras(EEGNet(7, 128, 3)))
    for a, b in zip(before, to_keras(net), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_short_list_of_keras_weights_is_refused():
    with pytest.raises(ValueError, match="Expected 18 arrays"):
        from_keras(EEGNet(**SIZES), [])


def test_braindecode_weights_of_another_montage_are_refused():
    with pytest.raises(ValueError, match=r"spatial\.weight"):
        from_braindecode(EEGNet(**SIZES), braindecode_eegnet(64, 16, n_chans=7))


def test_an_ablation_has_no_counterpart():
    with pytest.raises(ValueError, match="Only the published network"):
        to_keras(EEGNet(**SIZES, spatial="standard"))
