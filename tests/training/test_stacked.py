"""Stacked training: each network of a stack ends as its separate training does."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from eegsep import EEGNet, EEGNetClassifier
from eegsep.estimator import can_be_stacked, fit_stacked
from eegsep.inspection import cross_fits
from eegsep.training import loop, stacked
from eegsep.training.batches import split_into_batches
from eegsep.training.stacked import Stack, train_stack
from tests.conftest import make_epochs, make_trials

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


def train_alone(net, X, y, weight, seed, max_epochs, batch_size, lr, weight_decay=0.0):
    """Train in a loop such as users write, and return loss and accuracy of each epoch."""
    optimizer = loop.KerasAdam(net.train().parameters(), lr, weight_decay)
    generator, records = torch.Generator().manual_seed(seed), []
    for _ in range(max_epochs):
        loss = hits = 0
        order = torch.randperm(len(X), generator=generator)
        for batch in split_into_batches(order, batch_size):
            optimizer.zero_grad()
            logits = net(X[batch])
            losses = F.cross_entropy(logits, y[batch], reduction="none") * weight[batch]
            losses.mean().backward()
            optimizer.step()
            net.project_()
            loss += losses.sum().item()
            hits += ((logits.argmax(1) == y[batch]) * weight[batch]).sum().item()
        records.append((loss / len(X), hits / weight.sum().item()))
    net.eval()
    return records


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
    # the loss counts a batch's mean for each of its trials
    found = np.stack([history["train_loss"], history["train_accuracy"]], axis=2)
    np.testing.assert_allclose(found.transpose(1, 0, 2), records, atol=1e-10)


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


def test_networks_drop_at_random_and_repeat_by_seed():
    X, y, weight = make_data()
    found = []
    for seed in (0, 0, 1):
        nets = [make_nets(1, drop_prob=0.5)[0] for _ in range(2)]
        before = torch.get_rng_state()
        train_stack(nets, X, y, weight, seeds=[0, 0], dropout_seed=seed, **OPTIONS)
        assert torch.equal(torch.get_rng_state(), before)
        found.append([net(X) for net in nets])
    assert not torch.allclose(found[0][0], found[0][1])
    assert torch.equal(found[0][0], found[1][0])
    assert not torch.allclose(found[0][0], found[2][0])


def test_dropout_zeroes_its_share_and_keeps_the_mean():
    nets = make_nets(4, drop_prob=0.25)
    masks = Stack(nets)._masks(torch.zeros(4, 50, 5, 64, dtype=torch.float64))
    assert {name: mask.shape for name, mask in masks.items()} == {
        "dropout1.mask": (4, 50, 16, 1, 16),
        "dropout2.mask": (4, 50, 16, 1, 2),
    }
    mask = masks["dropout1.mask"]
    assert set(mask.unique().tolist()) == {0, 1 / 0.75}
    # five standard errors
    assert abs(mask.mean() - 1) < 5 * (0.25 / 0.75 / mask.numel()) ** 0.5


def test_bounds_hold_for_each_network():
    nets, (X, y, weight) = make_nets(), make_data()
    train_stack(nets, X, y, weight, seeds=range(3), **OPTIONS | {"lr": 1.0})
    for net in nets:
        assert net.spatial.weight.flatten(1).norm(dim=1).max() <= 1
        assert net.classifier.weight.norm(dim=1).max() <= 0.25


def test_a_stack_that_diverges_is_an_error_and_leaves_the_networks():
    nets, (X, y, weight) = make_nets(), make_data()
    before = copy.deepcopy(nets)
    with pytest.raises(FloatingPointError, match="diverged"):
        train_stack(nets, X * torch.inf, y, weight, seeds=range(3), **OPTIONS)
    assert_trained_alike(nets, before, 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"nets": []}, "no network"),
        ({"nets": [*make_nets(2), *make_nets(1, drop_prob=0.5)]}, "network 2 differs"),
        ({"nets": [*make_nets(2), *make_nets(1, algorithm="published")]}, "network 2 differs"),
        ({"X": torch.zeros(30, 5, 63, dtype=torch.float64)}, r"X must be windows of shape"),
        ({"X": torch.zeros(30, 5, 64)}, "float32 on cpu, but the networks are of torch.float64"),
        ({"y": torch.zeros(29, dtype=torch.int64)}, r"y must be of shape \(30,\) or \(3, 30\)"),
        ({"weight": torch.zeros(2, 30)}, "weight must be of shape"),
        ({"trials_of": torch.arange(30)}, r"trials_of must be of shape \(3, n_used\)"),
        ({"seeds": [1, 2]}, "seeds must be one for each of 3"),
    ],
)
def test_what_cannot_be_stacked_is_refused(change, text):
    X, y, weight = make_data()
    arguments = {"nets": make_nets(), "X": X, "y": y, "weight": weight, "seeds": range(3)}
    with pytest.raises(ValueError, match=text):
        train_stack(**arguments | OPTIONS | change)


def cross_fit(**options):
    clf = EEGNetClassifier(init="glorot", kernel_length=16, drop_prob=0.0, max_epochs=3, F1=2)
    epochs, y = make_epochs(21)
    return list(cross_fits(clf, epochs, y, cv=2, n_seeds=2, **options))


@pytest.mark.parametrize("control", [None, "shuffled"])
def test_cross_fits_are_the_same_in_a_stack(control, monkeypatch):
    alone = cross_fit(control=control)
    monkeypatch.setattr(stacked, "is_faster", lambda device: True)
    monkeypatch.setattr(stacked, "AT_ONCE", 3)
    calls = []
    monkeypatch.setattr(stacked, "_epoch", lambda *a, go=stacked._epoch: calls.append(1) or go(*a))
    together = cross_fit(control=control)
    assert calls
    for a, b in zip(alone, together, strict=True):
        assert (a.fold, a.seed, a.n_train) == (b.fold, b.seed, b.n_train)
        np.testing.assert_array_equal(a.test, b.test)
        np.testing.assert_allclose(b.probabilities, a.probabilities, atol=2e-5)
        np.testing.assert_allclose(b.components.relevance, a.components.relevance, atol=1e-4)
        scale = np.abs(a.components.patterns).max()
        np.testing.assert_allclose(
            b.components.patterns / scale, a.components.patterns / scale, atol=1e-3
        )


def test_stacked_classifiers_have_the_history_of_their_fits():
    X, y = make_trials(21)
    kept = {"kernel_length": 16, "drop_prob": 0.0, "max_epochs": 3, "init": "glorot"}
    alone = [EEGNetClassifier(**kept, random_state=i).fit(X, y) for i in range(2)]
    together = [EEGNetClassifier(**kept, random_state=i) for i in range(2)]
    fit_stacked(together, [X, X], [y, y])
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(b.predict_proba(X), a.predict_proba(X), atol=2e-5)
        assert b.n_iter_ == a.n_iter_
        for record, expected in zip(b.history_, a.history_, strict=True):
            assert list(record) == list(expected)
            for name in ("epoch", "train_loss", "train_accuracy"):
                assert record[name] == pytest.approx(expected[name], abs=2e-5)


@pytest.mark.parametrize(
    ("params", "possible"),
    [
        ({"F1": 4, "random_state": 3, "class_weight": "balanced"}, True),
        ({"early_stopping": True}, False),
        ({"verbose": 1}, False),
        ({"init": "auto"}, False),
    ],
)
def test_what_asks_for_more_is_not_stacked(params, possible):
    assert can_be_stacked(EEGNetClassifier(**{"init": "glorot"} | params)) is possible


def test_a_cpu_trains_networks_one_by_one():
    assert not stacked.is_faster(torch.device("cpu"))
    assert stacked.is_faster(torch.device("cuda"))
