"""Stacked training: each network of a stack ends as its separate training does."""

import copy

import numpy as np
import pytest
import torch

from eegsep import EEGNet, training
from eegsep.inputs import Trials
from eegsep.stacked import train_stack

SIZES = {"n_chans": 5, "n_times": 64, "n_outputs": 3, "kernel_length": 16}
KINDS = [
    {},
    {"algorithm": "published"},
    {"spatial": "low_rank:2", "separable": "standard"},
    {"spatial": "joint", "separable": "shuffle:2"},
    {"spatial": "grouped:2", "separable": "inception:2"},
    {"spatial": "standard", "separable": "spatially_separable"},
    {"spatial_max_norm": None, "dense_max_norm": None},
]
OPTIONS = {"max_epochs": 3, "batch_size": 8, "lr": 0.05}


def make_nets(n_nets=3, dtype=torch.float64, device="cpu", drop_prob=0.0, **kinds):
    nets = []
    for i in range(n_nets):
        generator = torch.Generator().manual_seed(i)
        options = {"algorithm": "spatial_first"} if "spatial" not in kinds else {}
        options |= kinds
        net = EEGNet(**SIZES, drop_prob=drop_prob, **options, generator=generator)
        nets.append(net.to(device, dtype))
    return nets


def make_data(n_trials=30, dtype=torch.float64, device="cpu"):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n_trials, 5, 64, generator=generator, dtype=dtype) + 0.3
    weight = torch.rand(n_trials, generator=generator, dtype=dtype) + 0.5
    return X.to(device), (torch.arange(n_trials) % 3).to(device), weight.to(device)


class InMemory(Trials):
    """Trials that need no scaling, of any type."""

    def __init__(self, X):
        self._converted, self._device, self._index = X, X.device, np.arange(len(X))


def train_alone(net, X, y, weight, seed, max_epochs, batch_size, lr, weight_decay=0.0):
    history = training.train(
        net,
        training.KerasAdam(net.parameters(), lr, weight_decay),
        InMemory(X),
        y,
        weight,
        max_epochs=max_epochs,
        batch_size=batch_size,
        generator=torch.Generator().manual_seed(seed),
        dropout_generator=torch.Generator(X.device).manual_seed(0),
    )
    return [(record["train_loss"], record["train_accuracy"]) for record in history]


def assert_trained_alike(nets, others, tolerance):
    for net, other in zip(nets, others, strict=True):
        for name, value in net.state_dict().items():
            expected = other.state_dict()[name]
            torch.testing.assert_close(value, expected, atol=tolerance, rtol=tolerance, msg=name)


@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_each_network_ends_as_its_separate_training(kinds):
    nets, (X, y, weight) = make_nets(**kinds), make_data()
    alone = copy.deepcopy(nets)
    options = OPTIONS | {"weight_decay": 0.1}
    history = train_stack(nets, X, y, weight / weight.mean(), seeds=[4, 5, 6], **options)
    records = [
        train_alone(net, X, y, weight / weight.mean(), seed, **options)
        for net, seed in zip(alone, [4, 5, 6], strict=True)
    ]
    assert_trained_alike(nets, alone, 1e-10)
    found = np.stack([history["train_loss"], history["train_accuracy"]], axis=2)
    np.testing.assert_allclose(found.transpose(1, 0, 2), records, atol=1e-5)


@pytest.mark.parametrize("kinds", KINDS, ids=str)
def test_in_single_precision_they_predict_alike_to_rounding(kinds):
    nets, (X, y, weight) = make_nets(dtype=torch.float32, **kinds), make_data(dtype=torch.float32)
    alone = copy.deepcopy(nets)
    options = OPTIONS | {"lr": 1e-3}
    train_stack(nets, X, y, weight, seeds=range(3), **options)
    for i, (net, other) in enumerate(zip(nets, alone, strict=True)):
        train_alone(other, X, y, weight, i, **options)
        torch.testing.assert_close(net(X), other(X), atol=2e-5, rtol=2e-5)


def test_each_network_has_trials_labels_and_weights_of_its_own():
    nets, (X, y, weight) = make_nets(), make_data()
    alone = copy.deepcopy(nets)
    trials_of = torch.stack([torch.arange(i, i + 20) for i in (0, 4, 10)])
    ys = torch.stack([y.roll(i) for i in range(3)])
    weights = torch.stack([weight.roll(i) for i in range(3)])
    train_stack(nets, X, ys, weights, trials_of=trials_of, seeds=range(3), **OPTIONS)
    for i, net in enumerate(alone):
        rows = trials_of[i]
        train_alone(net, X[rows], ys[i, rows], weights[i, rows], i, **OPTIONS)
    assert_trained_alike(nets, alone, 1e-10)
