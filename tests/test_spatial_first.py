"""The spatial-first evaluation against the published order, and its parts against torch's own."""

import copy
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from eegsep import EEGNet, EEGNetClassifier, spatial_first, threads, training, transforms
from eegsep.inputs import Batch, Trials
from eegsep.vectors import LANES
from tests.conftest import REPOSITORY, make_trials

CONFIGURATIONS = st.fixed_dictionaries(
    {
        "n_chans": st.sampled_from([1, 2, 3, 5, 22, 64, 128]),
        "n_times": st.integers(1, 130),
        "n_outputs": st.integers(2, 5),
        "F1": st.integers(1, 16),
        "D": st.integers(1, 4),
        "F2": st.sampled_from([None, 1, 7]),
        "kernel_length": st.integers(1, 140),
        "separable_kernel_length": st.integers(1, 17),
        "pool1": st.integers(1, 5),
        "pool2": st.integers(1, 9),
        "spatial": st.sampled_from(["depthwise", "standard", "grouped"]),
        "separable": st.sampled_from(["separable", "standard", "spatially_separable"]),
    }
)


def both_orders(configuration, dtype, seed, n_trials=6):
    """Everything that each order computes, by name: first the published order, then the other."""
    generator = torch.Generator().manual_seed(seed)
    if configuration["spatial"] == "grouped":
        F1 = configuration["F1"]
        groups = next((g for g in range(2, F1 + 1) if F1 % g == 0), 1)
        configuration = configuration | {"spatial": f"grouped:{groups}"}
    net = EEGNet(**configuration, drop_prob=0.0, generator=generator)
    for norm in (net.temporal_norm, net.spatial_norm, net.separable_norm):
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            torch.nn.init.uniform_(tensor, 0.5, 1.5, generator=generator)
    net = net.to(dtype)
    shape = n_trials, net.n_chans, net.n_times
    x = (torch.randn(shape, generator=generator) + 0.2).to(dtype)
    y = torch.randint(net.n_outputs, (n_trials,), generator=generator)
    results = []
    for order in (None, spatial_first.forward):
        copied = copy.deepcopy(net).train()
        logits = copied(x) if order is None else order(copied, x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        computed = {"logits": logits.detach(), "loss": loss.detach()}
        computed |= {f"gradient of {name}": p.grad for name, p in copied.named_parameters()}
        computed |= {name: b.clone() for name, b in copied.named_buffers() if "running" in name}
        with torch.no_grad():
            copied.eval()
            computed["inference"] = copied(x) if order is None else order(copied, x)
            computed["folded inference"] = computed["inference"]
            if order is not None:
                computed["folded inference"] = spatial_first.Folded(copied)(x)
        results.append({name: tensor.double() for name, tensor in computed.items()})
    return results


def scales(expected, *, own):
    """On what scale to measure the rounding errors of each quantity.

    Where a normalisation takes away what a parameter does, its gradient is zero but for eps:
    gradients are measured on the scale of all gradients, or, where ``own`` is true, on the
    parameter's own, but for normalisation 1, of which that is always true.
    """
    largest = max(float(t.abs().max()) for n, t in expected.items() if n.startswith("gradient"))
    found = {}
    for name, tensor in expected.items():
        scale = float(tensor.abs().max())
        if name.startswith("gradient"):
            whole = not own or "temporal_norm" in name
            scale = largest if whole else max(scale, 1e-3 * largest)
        elif "running" in name:
            scale = max(1.0, scale)
        found[name] = scale
    return found


def errors(computed, expected):
    return {name: float((computed[name] - expected[name]).abs().max()) for name in expected}


@settings(max_examples=60, deadline=None)
@given(CONFIGURATIONS, st.integers(0, 2**16))
def test_equals_the_published_order_in_double_precision(configuration, seed):
    published, fast = both_orders(configuration, torch.float64, seed)
    scale = scales(published, own=True)
    for name, error in errors(fast, published).items():
        assert error <= 1e-10 * scale[name], name


@settings(max_examples=40, deadline=None)
@given(CONFIGURATIONS, st.integers(0, 2**16))
def test_equals_the_published_order_in_single_precision(configuration, seed):
    truth, _ = both_orders(configuration, torch.float64, seed)
    published, fast = both_orders(configuration, torch.float32, seed)
    scale = scales(truth, own=False)
    # normalising a handful of nearly equal values magnifies rounding, in either order
    unavoidable = max(e / scale[name] for name, e in errors(published, truth).items())
    for name, error in errors(fast, truth).items():
        assert error <= max(2e-5, 4 * unavoidable) * scale[name], name


def test_a_whole_fit_in_double_precision_ends_at_the_same_weights():
    net = EEGNet(6, 64, 2, drop_prob=0.0, generator=torch.Generator().manual_seed(0)).double()
    X, y = make_trials(40, scale=1.0)
    X, y = torch.from_numpy(X), torch.from_numpy((y == "right_hand").astype(int))
    weight = torch.ones(len(y), dtype=torch.float64)
    ended = []
    for order in ("published", "spatial first"):
        trained = copy.deepcopy(net).train()
        optimizer = training.KerasAdam(trained.parameters(), lr=1e-3)
        forward = partial(spatial_first.forward, trained) if order == "spatial first" else trained
        for _ in range(50):
            for batch in torch.arange(40).split(20):
                step = X[batch], y[batch], weight[batch]
                training.train_step(trained, optimizer, *step, forward)
        ended.append(trained.state_dict())
    for name, expected in ended[0].items():
        torch.testing.assert_close(ended[1][name], expected, atol=1e-6, rtol=0, msg=name)


@pytest.mark.parametrize("kernel_length", [1, 2, 7, 8, 20])
@pytest.mark.parametrize("groups", [1, 3])
def test_filter_bank_is_torchs_convolutions(kernel_length, groups):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 20, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, groups, 5, dtype=torch.float64, generator=generator)
    kernels = torch.randn(4, groups, kernel_length, dtype=torch.float64, generator=generator)
    z = F.pad(F.conv1d(x, weight.flatten(0, 1).unsqueeze(-1)), padding(kernel_length))
    expected = F.conv1d(z, kernels, groups=4)
    torch.testing.assert_close(spatial_first.FilterBank.apply(x, weight, kernels), expected)


def padding(kernel_length):
    return (kernel_length - 1) // 2, kernel_length // 2


def test_filter_bank_without_spatial_filters_is_a_depthwise_convolution():
    x = torch.randn(3, 4, 20, dtype=torch.float64)
    kernels = torch.randn(4, 1, 6, dtype=torch.float64)
    expected = F.conv1d(F.pad(x, padding(6)), kernels, groups=4)
    torch.testing.assert_close(spatial_first.FilterBank.apply(x, None, kernels), expected)


@pytest.mark.parametrize("kernel_length", [1, 4, 7])
def test_gradient_of_filter_bank(kernel_length):
    x = torch.randn(2, 3, 12, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 2, 3, dtype=torch.float64, requires_grad=True)
    kernels = torch.randn(3, 2, kernel_length, dtype=torch.float64, requires_grad=True)
    apply = spatial_first.FilterBank.apply
    assert torch.autograd.gradcheck(apply, (x, weight, kernels))
    alone = kernels[:, :1].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, k: apply(x, None, k), (x, alone))


@pytest.mark.parametrize("n_trials", [1, 2, 9])
@pytest.mark.parametrize(("n_maps", "n_chans"), [(3, 2), (8, 3), (17, 9)])
@pytest.mark.parametrize(("kernel_length", "n_times"), [(1, 3), (6, 17), (9, 9), (4, 64)])
def test_first_block_is_torchs(n_trials, n_maps, n_chans, kernel_length, n_times):
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.rand(shape, dtype=torch.float64, generator=generator).add_(0.5)

    x = torch.randn(n_trials, n_chans, n_times, dtype=torch.float64, generator=generator)
    weight, kernels = random(n_maps, n_chans), random(n_maps, kernel_length)
    parameters = [a.requires_grad_() for a in (weight, kernels, random(n_maps), random(n_maps))]
    grad = torch.randn(n_trials, n_maps, n_times // 3, dtype=torch.float64, generator=generator)
    found, mean, variance = spatial_first.FirstBlock.apply(x, *parameters, 1e-3, 3)
    mixed = F.conv1d(x, weight[:, :, None])
    y = F.conv1d(F.pad(mixed, padding(kernel_length)), kernels[:, None], groups=n_maps)
    normed = F.batch_norm(y, None, None, *parameters[2:], training=True, eps=1e-3)
    expected = F.avg_pool1d(F.elu(normed), 3)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(mean, y.mean((0, 2)))
    torch.testing.assert_close(variance, y.var((0, 2), unbiased=False))
    gradients = (torch.autograd.grad(out, parameters, grad) for out in (found, expected))
    for computed, by_torch in zip(*gradients, strict=True):
        torch.testing.assert_close(computed, by_torch, atol=1e-10, rtol=1e-7)


def test_gradient_of_first_block():
    x = torch.randn(3, 3, 12, dtype=torch.float64)
    parameters = [
        torch.rand(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((5, 3), (5, 4), (5,), (5,))
    ]

    def pooled(*parameters):
        return spatial_first.FirstBlock.apply(x, *parameters, 1e-3, 4)[0]

    assert torch.autograd.gradcheck(pooled, parameters)


@pytest.mark.parametrize(
    ("n_maps", "n_times", "kernel_length", "pool"),
    [(4, 9, 1, 2), (4, 9, 4, 4), (1, 1, 7, 1), (8, 64, 16, 4), (11, 65, 9, 8)],
)
def test_second_block_is_torchs(n_maps, n_times, kernel_length, pool):
    shapes = (2, n_maps, n_times), (n_maps, kernel_length), (5, n_maps), (5,), (5,)
    inputs = [torch.rand(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]

    def pooled(*inputs):
        return spatial_first.SecondBlock.apply(*inputs, 1e-3, pool)[0]

    x, kernels, pointwise, *norm = inputs
    y = F.conv1d(F.pad(x, padding(kernel_length)), kernels.unsqueeze(1), groups=n_maps)
    y = F.batch_norm(pointwise @ y, None, None, *norm, training=True, eps=1e-3)
    torch.testing.assert_close(pooled(*inputs), F.avg_pool1d(F.elu(y), pool))
    assert torch.autograd.gradcheck(pooled, inputs, fast_mode=True)


def test_changing_weights_between_a_pass_and_its_gradient_is_an_error():
    shapes = (2, 3, 9), (3, 4), (5, 3), (5,), (5,)
    inputs = [torch.rand(shape, requires_grad=True) for shape in shapes]
    loss = spatial_first.SecondBlock.apply(*inputs, 1e-3, 2)[0].sum()
    with torch.no_grad():
        inputs[2].mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_gradients_reach_the_trials_in_training():
    net = EEGNet(3, 40, 2, kernel_length=8, drop_prob=0.0).double()
    statistics = spatial_first.LagStatistics(8, 4).add(torch.randn(4, 3, 40).double()).of_batch()
    x = torch.randn(4, 3, 40, dtype=torch.float64, requires_grad=True)
    spatial_first.forward(net, x, statistics=statistics).sum().backward()
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize("factor", [1.0, 1e6, 1e20, np.inf])
def test_what_is_predicted_of_a_trial_does_not_depend_on_another(factor):
    net = EEGNet(3, 40, 2, kernel_length=8, generator=torch.Generator().manual_seed(0)).eval()
    x = torch.randn(5, 3, 40)
    folded = spatial_first.Folded(net)
    alone = torch.cat([folded(trial) for trial in x.split(1)])
    x[1] *= factor
    kept = [0, 2, 3, 4]
    torch.testing.assert_close(folded(x)[kept], alone[kept], atol=1e-6, rtol=1e-6)
    filters = spatial_first._compiled_filters(torch.randn(4, 3), torch.randn(4, 8), 40)
    maps = filters(Batch(x.numpy(), np.arange(5)))
    for i in kept:
        by_itself = filters(Batch(x.numpy(), np.array([i])))
        np.testing.assert_array_equal(maps[i], by_itself[0])


@pytest.mark.parametrize("shape", [(2, 4, 40), (2, 2, 40), (2, 3, 400)])
def test_trials_of_another_shape_are_refused(shape):
    net = EEGNet(3, 40, 2, kernel_length=8).eval()
    with pytest.raises(ValueError, match="for 3 channels"):
        spatial_first.Folded(net)(torch.randn(shape))


def test_filters_and_kernels_of_two_types_are_refused():
    with pytest.raises(TypeError, match="float64, but kernels of float32"):
        transforms.Filters(np.ones((2, 3)), np.ones((2, 4), np.float32), left=1, n_fft=24)


def test_trials_are_filtered_centred_and_scaled_from_where_they_lie():
    generator = np.random.default_rng(0)
    weight, kernels = (generator.normal(size=(4, n)).astype(np.float32) for n in (3, 5))
    X = generator.normal(size=(3, 20, 7)).transpose(2, 0, 1)  # float64, in no order in memory
    positions = np.array([5, 0, 6])
    filters = transforms.Filters(weight, kernels, left=2, n_fft=24)
    center, scale = np.array([1e4, 0, -2]), np.array([10, 1, 0.5])
    maps = filters(Batch(X + center[:, np.newaxis], positions, center, scale).converted())
    mixed = np.einsum("mc,bct->bmt", weight, X[positions] / scale[:, np.newaxis])
    for trial, of_trial in zip(maps, mixed, strict=True):
        for m in range(4):
            expected = np.correlate(np.pad(of_trial[m], 2), kernels[m])
            np.testing.assert_allclose(trial[m], expected, atol=1e-5)


@pytest.mark.parametrize("n_fft", [2, 8, 24, 36, 60, 100, 150, 576])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transform_is_numpys_in_another_order(n_fft, dtype):
    z = np.random.default_rng(0).normal(size=(n_fft, 2, LANES)).astype(dtype)
    plan = transforms.plan(n_fft, np.dtype(dtype))
    expected = np.fft.fft(z[:, 0].astype(float) + 1j * z[:, 1], axis=0)
    # where each frequency went: a pure oscillation is one value
    turns = np.exp(2j * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft)) / n_fft)
    places = np.empty(n_fft, int)
    for start in range(0, n_fft, LANES):
        one = np.zeros_like(z)
        some = turns[:, start : start + LANES]
        one[:, 0, : some.shape[1]], one[:, 1, : some.shape[1]] = some.real, some.imag
        transforms.transform(one, *plan)
        places[start : start + some.shape[1]] = one[:, 0, : some.shape[1]].argmax(axis=0)
    there = z.copy()
    transforms.transform(there, *plan)
    error = np.finfo(dtype).eps * np.abs(expected).max() * 8
    found = there[:, 0] + 1j * there[:, 1]
    np.testing.assert_allclose(found[places], expected, atol=error)
    transforms.transform_back(there, *plan)
    np.testing.assert_allclose(there / n_fft, z, atol=np.finfo(dtype).eps * 16)


@pytest.mark.parametrize("n", [1, 2, 7, 520, 1063, 1187])
def test_fft_length_suffices_and_is_even_with_small_factors(n):
    length = spatial_first.fft_length(n)
    assert n <= length <= 1.2 * n + 2
    assert length % 2 == 0
    while length % 2 == 0:
        length //= 2
    assert length in (1, 3, 5, 9, 15, 25, 75)


def test_compiled_elu_is_exact_to_rounding_and_passes_nan_on():
    u = torch.cat([torch.linspace(-120, 5, 100_000), torch.tensor([-0.0, float("nan")])])
    pooled = spatial_first.scale_elu_pool(u.view(1, 1, -1), *torch.eye(2)[:, :1], 1)
    expected = F.elu(u.double())
    torch.testing.assert_close(
        pooled[0, 0].double(), expected, atol=2**-23, rtol=2**-23, equal_nan=True
    )


# The second is for other devices than a CPU, but can be computed there.
NORM_ELU_POOLS = pytest.mark.parametrize(
    "norm_elu_pool", [spatial_first.CompiledNormEluPool, spatial_first.NormEluPool]
)


@NORM_ELU_POOLS
@pytest.mark.parametrize("pool", [1, 3, 4])
def test_norm_elu_pool_is_torchs(pool, norm_elu_pool):
    y = torch.randn(4, 3, 10, dtype=torch.float64)
    weight, bias = torch.rand(2, 3, dtype=torch.float64) + 0.5
    pooled, mean, variance = norm_elu_pool.apply(y, weight, bias, 1e-3, pool)
    normed = F.batch_norm(y, None, None, weight, bias, training=True, eps=1e-3)
    torch.testing.assert_close(pooled, F.avg_pool1d(F.elu(normed), pool))
    torch.testing.assert_close(mean, y.mean((0, 2)))
    torch.testing.assert_close(variance, y.var((0, 2), unbiased=False))


@NORM_ELU_POOLS
@pytest.mark.parametrize("pool", [1, 3, 4])
def test_gradient_of_norm_elu_pool(pool, norm_elu_pool):
    y = torch.randn(3, 2, 10, dtype=torch.float64, requires_grad=True)
    weight, bias = (torch.rand(2, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def pooled(*inputs):
        y, weight, bias = inputs
        return norm_elu_pool.apply(y, weight, bias, 1e-3, pool)[0]

    assert torch.autograd.gradcheck(pooled, (y, weight, bias))


@pytest.mark.parametrize(("kernel_length", "n_times"), [(1, 5), (2, 5), (5, 12), (6, 12), (12, 12)])
def test_lag_statistics_are_sums_over_the_shifted_input(kernel_length, n_times):
    x = torch.randn(7, 3, n_times, dtype=torch.float64)
    left = (kernel_length - 1) // 2
    padded = F.pad(x, (left, kernel_length - 1 - left))
    shifted = torch.stack([padded[..., k : k + n_times] for k in range(kernel_length)])
    statistics = spatial_first.LagStatistics(kernel_length, 7).add(x[:4]).add(x[4:])
    torch.testing.assert_close(statistics.of_batch()[0], shifted.sum((1, 2, 3)))
    some = spatial_first.LagStatistics(kernel_length, 9).add(x)  # fewer than were announced
    torch.testing.assert_close(some.of_batch(), statistics.of_batch())
    batch = torch.tensor([5, 0, 3])
    sums, products = statistics.of_batch(batch)
    shifted = shifted[:, batch]
    torch.testing.assert_close(sums, shifted.sum((1, 2, 3)))
    torch.testing.assert_close(products, torch.einsum("kbct,lbct->kl", shifted, shifted))


def test_classifier_predicts_the_same_in_both_orders():
    X, y = make_trials()
    orders = {
        order: EEGNetClassifier(sfreq=128, max_epochs=10, random_state=0, evaluation=order).fit(
            X, y
        )
        for order in ("published", "spatial_first")
    }
    published, fast = (clf.predict_proba(X) for clf in orders.values())
    np.testing.assert_allclose(fast, published, atol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"n_chans": 64, "n_times": 480, "kernel_length": 80}, "spatial_first"),
        ({"n_chans": 3, "n_times": 480, "kernel_length": 2, "F1": 1}, "published"),
    ],
)
def test_the_cheaper_order_is_taken(sizes, expected):
    X, y = make_trials(6, n_chans=sizes.pop("n_chans"), n_times=sizes.pop("n_times"))
    clf = EEGNetClassifier(max_epochs=1, random_state=0, **sizes).fit(X, y)
    assert clf.evaluation_ == expected


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_PARTS", 1)
    X, y = make_trials(67, n_chans=8, n_times=256)
    before = torch.get_num_threads()
    weights = []
    try:
        for n_threads in (1, 2, 3):
            torch.set_num_threads(n_threads)
            clf = EEGNetClassifier(
                sfreq=128,
                max_epochs=3,
                batch_size=67,
                random_state=0,
                evaluation="spatial_first",
            ).fit(X, y)
            assert torch.get_num_threads() == n_threads
            weights.append(clf.module_.state_dict())
    finally:
        torch.set_num_threads(before)
    for name, expected in weights[0].items():
        for found in weights[1:]:
            assert torch.equal(found[name], expected), name


def test_fits_in_overlapping_threads_give_each_its_number_of_threads_back():
    before = torch.get_num_threads()
    inside, leave = threading.Event(), threading.Event()

    def stay():
        torch.set_num_threads(3)
        with threads.one_thread:
            inside.set()
            leave.wait(10)
        return torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        try:
            torch.set_num_threads(2)
            with threads.one_thread:
                other = pool.submit(stay)
                inside.wait(10)
                assert threads.one_thread.before == 2
            assert torch.get_num_threads() == 2
            leave.set()
            assert other.result() == 3
        finally:
            leave.set()
            torch.set_num_threads(before)


def test_an_error_leaves_nobody_at_work(monkeypatch):
    monkeypatch.setattr(threads, "WORTH_PARTS", 1)
    ended = []

    def work(first, last):
        if first == 0:
            raise ZeroDivisionError
        time.sleep(0.1)
        ended.append(last)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(ZeroDivisionError), threads.one_thread:
            threads.in_parts(work, 2, 2)
    finally:
        torch.set_num_threads(before)
    assert ended == [2]


def test_trials_that_are_not_copied_yet_give_the_same_as_copied_ones():
    X, _ = make_trials(6, n_chans=4, n_times=64)
    net = EEGNet(4, 64, 2, generator=torch.Generator().manual_seed(0)).eval()
    center, scale = np.array([0, 1e-5, 0, -1e-5]), np.array([1, 2, 3, 4]) * 1e-5
    trials = Trials(X, np.array([5, 0, 3, 1]), center, scale, torch.device("cpu"))
    positions = torch.tensor([2, 0, 1])
    lazy, copied = trials.select(positions), trials.batch(positions)
    expected = (X[[3, 5, 0]] - center[:, np.newaxis]) / scale[:, np.newaxis]
    np.testing.assert_allclose(copied, expected, rtol=1e-5, atol=1e-6)
    for training_mode in (False, True):
        net.train(training_mode)
        net.dropout1.drop_prob = net.dropout2.drop_prob = 0
        expected = spatial_first.forward(net, copied)
        torch.testing.assert_close(spatial_first.forward(net, lazy), expected)


def test_predictions_follow_weights_that_are_changed_after_the_fit():
    X, y = make_trials()
    clf = EEGNetClassifier(max_epochs=2, random_state=0, evaluation="spatial_first").fit(X, y)
    before = clf.decision_function(X)
    with torch.no_grad():
        clf.module_.classifier.weight.neg_()
        clf.module_.classifier.bias.neg_()
    np.testing.assert_allclose(clf.decision_function(X), -before, rtol=1e-5)


def test_a_network_that_mixes_time_and_electrodes_cannot_be_evaluated_spatial_first():
    X, y = make_trials()
    clf = EEGNetClassifier(max_epochs=1, spatial="joint", evaluation="spatial_first")
    with pytest.raises(ValueError, match="spatial_first"):
        clf.fit(X, y)
    assert clf.set_params(evaluation="auto").fit(X, y).evaluation_ == "published"


def test_a_process_that_compiles_gives_the_bits_of_one_that_does_not(tmp_path):
    code = """
import torch
from eegsep.spatial_first import SecondBlock
torch.manual_seed(0)
arrays = [torch.randn(shape) for shape in ((9, 16, 40), (16, 16), (8, 16))]
for found in SecondBlock.apply(*arrays, torch.ones(8), torch.zeros(8), 1e-3, 8):
    print(found.numpy().tobytes().hex())
"""
    printed = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert list(tmp_path.rglob("*.bin"))
    assert printed[0] == printed[1]
    assert len(printed[0].split()) == 3
