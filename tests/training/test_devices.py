"""On an accelerator: what lies there, what is copied there, and that nothing waits for it.

Where there is none, torch's device "meta" stands for it: its tensors have no values, so that
whatever would read one on the host is an error.
"""

import copy

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eegsep import EEGNet, EEGNetClassifier
from eegsep.network.spatial_first import LagStatistics
from eegsep.training import KerasAdam, Trials, stacked, weighted_loss
from tests.conftest import make_trials

META = torch.device("meta")


# Of torch.use_deterministic_algorithms, what CUDA refuses and the network could be made of.
REFUSED = ("cumsum", "scatter_add", "scatter_reduce", "index_add", "put_", "kthvalue", "histc")


class Copies(TorchDispatchMode):
    """Sizes of the tensors that come from the CPU to the device, and what is called there."""

    def __init__(self):
        super().__init__()
        self.sizes, self.called = [], set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.called.add(function.overloadpacket.__name__)
        out = function(*args, **(kwargs or {}))
        inputs = [a for a in tree_leaves((args, kwargs)) if isinstance(a, torch.Tensor)]
        if isinstance(out, torch.Tensor) and out.device == META:
            # numbers are passed with the operation itself
            self.sizes += [a.numel() for a in inputs if a.device != META and a.ndim]
        return out


def make_net(algorithm, n_chans=6, drop_prob=0.0, device=META):
    sizes = {"n_chans": n_chans, "n_times": 64, "n_outputs": 2, "kernel_length": 16}
    generator = torch.Generator().manual_seed(0)
    net = EEGNet(**sizes, drop_prob=drop_prob, algorithm=algorithm, generator=generator)
    return net.to(device).train()


def make_meta(n_trials=20):
    X = torch.empty(n_trials, 6, 64, device=META)
    return X, torch.empty(n_trials, dtype=torch.int64, device=META), X.new_ones(n_trials)


@pytest.mark.parametrize("drop_prob", [0.0, 0.5])
@pytest.mark.parametrize("algorithm", ["spatial_first", "published"])
def test_a_step_waits_for_nothing_and_copies_nothing(algorithm, drop_prob):
    net, (X, y, weight) = make_net(algorithm, drop_prob=drop_prob), make_meta()
    optimizer = KerasAdam(net.parameters(), lr=1e-3)
    statistics = LagStatistics(16, len(X)).add(X)
    batch = torch.empty(8, dtype=torch.int64, device=META)
    with Copies() as copies:
        for known in (None, statistics.of_batch(batch)):
            optimizer.zero_grad()
            weighted_loss(net(X[batch], known), y[batch], weight[batch]).backward()
            optimizer.step()
            net.project_()
    assert copies.sizes == []
    assert copies.called.isdisjoint(REFUSED)


@pytest.mark.parametrize("algorithm", ["spatial_first", "published"])
def test_an_epoch_of_a_stack_copies_the_order_of_trials_alone(algorithm):
    nets, (X, y, weight) = [make_net(algorithm) for _ in range(3)], make_meta()
    stack = stacked.Stack(nets)
    optimizer = KerasAdam(list(stack.parameters.values()), lr=1e-3)
    statistics = LagStatistics(16, len(X)).add(X) if algorithm == "spatial_first" else None
    data = X, y.expand(3, -1), weight.expand(3, -1), statistics
    trials_of = torch.empty(3, 20, dtype=torch.int64, device=META)
    generators = [torch.Generator() for _ in nets]
    with Copies() as copies:
        sums = stacked._epoch(stack, optimizer, data, trials_of, 8, generators)
    assert sums.shape == (2, 3)
    assert copies.sizes == [3 * 20]
    assert copies.called.isdisjoint(REFUSED)


def test_trials_are_put_on_an_accelerator_once():
    X, _ = make_trials(12)
    for dtype in (np.float32, np.float64):
        with Copies() as copies:
            trials = Trials(X.astype(dtype), np.arange(12), np.zeros(6), np.ones(6), META)
        assert sum(copies.sizes) == X.size
        parts = torch.arange(12).split(5)
        with Copies() as copies:
            shapes = [(len(indices), x.shape) for indices, x in trials.batches(parts)]
        assert shapes == [(5, (5, 6, 64)), (5, (5, 6, 64)), (2, (2, 6, 64))]
        assert copies.sizes == [12]  # their order


def test_trials_that_do_not_fit_on_an_accelerator_come_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr("eegsep.training.trials.CACHE_BYTES", 1000)
    X, _ = make_trials(12)
    for dtype in (np.float32, np.float64):
        with Copies() as copies:
            trials = Trials(X.astype(dtype), np.arange(12), np.zeros(6), np.ones(6), META)
            batches = list(trials.batches(torch.arange(12).split(6)))
        assert [x.device for _, x in batches] == [META, META]
        assert copies.sizes == [12, 6 * 6 * 64, 6 * 6 * 64]


@pytest.mark.parametrize("fits", [True, False])
def test_batches_are_the_trials_that_they_name(fits, monkeypatch):
    if not fits:
        monkeypatch.setattr("eegsep.training.trials.CACHE_BYTES", 1000)
    X, _ = make_trials(12, scale=1.0)
    index = np.array([3, 1, 4, 0, 5, 9, 2, 6])
    center, scale = np.arange(6.0), np.full(6, 2.0)
    trials = Trials(X, index, center, scale, torch.device("cpu"))
    order = torch.tensor([7, 0, 3, 5, 1])
    found = list(trials.batches(order.split(3)))
    assert torch.equal(torch.cat([indices for indices, _ in found]), order)
    expected = (X[index[order]] - center[:, np.newaxis]) / 2
    np.testing.assert_allclose(torch.cat([x for _, x in found]), expected, rtol=1e-6)


def test_a_fit_on_an_accelerator_predicts_as_one_on_the_cpu(accelerator):
    X, y = make_trials(40)
    kept = {"kernel_length": 16, "drop_prob": 0, "max_epochs": 3, "random_state": 0}
    expected = EEGNetClassifier(device="cpu", **kept).fit(X, y)
    found = EEGNetClassifier(device=accelerator, **kept).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-3)
    assert next(found.module_.parameters()).device.type == accelerator
    found.module_.load_state_dict(expected.module_.state_dict())
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-5)


def test_a_fit_on_an_accelerator_with_dropout_repeats_its_bits(accelerator):
    X, y = make_trials(40)
    clf = EEGNetClassifier(device=accelerator, kernel_length=16, max_epochs=2, random_state=0)
    first, second = (clf.fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_stack_on_an_accelerator_ends_as_on_the_cpu(accelerator):
    nets = [make_net("spatial_first", device="cpu") for _ in range(2)]
    X, y, options = torch.randn(20, 6, 64), torch.arange(20) % 2, {"batch_size": 8, "lr": 1e-3}
    there = [copy.deepcopy(net).to(accelerator) for net in nets]
    stacked.train_stack(nets, X, y, max_epochs=2, seeds=[0, 1], **options)
    X_there, y_there = X.to(accelerator), y.to(accelerator)
    stacked.train_stack(there, X_there, y_there, max_epochs=2, seeds=[0, 1], **options)
    for net, other in zip(nets, there, strict=True):
        torch.testing.assert_close(other(X_there).cpu(), net(X), atol=1e-3, rtol=1e-3)
