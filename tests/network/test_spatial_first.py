"""The spatial-first evaluation against the published order, and its parts against torch's own."""

import copy
import gc
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from eegsep import EEGNet, EEGNetClassifier, _kernels
from eegsep._kernels import blocks, library, names
from eegsep.network import spatial_first, threads
from eegsep.training import loop
from tests.conftest import make_trials

COMPILED = library.load(torch.float64) is not None
needs_compiled = pytest.mark.skipif(not COMPILED, reason="eegsep was installed without a compiler")

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


@contextmanager
def plain_torch():
    """Let no network be evaluated in compiled passes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "can_evaluate", lambda net, x: False)
        yield


def both_orders(configuration, dtype, seed, plain, n_trials=6):
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
    for order in ("published", "spatial_first"):
        copied = copy.deepcopy(net).train()
        copied.algorithm = order
        with plain_torch() if plain else nullcontext():
            logits = copied(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        computed = {"logits": logits.detach(), "loss": loss.detach()}
        computed |= {f"gradient of {name}": p.grad for name, p in copied.named_parameters()}
        computed |= {name: b.clone() for name, b in copied.named_buffers() if "running" in name}
        with torch.no_grad():
            copied.eval()
            with plain_torch() if plain else nullcontext():
                computed["inference"] = copied(x)
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
@given(CONFIGURATIONS, st.integers(0, 2**16), st.booleans())
def test_equals_the_published_order_in_double_precision(configuration, seed, plain):
    published, fast = both_orders(configuration, torch.float64, seed, plain)
    scale = scales(published, own=True)
    for name, error in errors(fast, published).items():
        assert error <= 1e-10 * scale[name], name


@settings(max_examples=40, deadline=None)
@given(CONFIGURATIONS, st.integers(0, 2**16), st.booleans())
def test_equals_the_published_order_in_single_precision(configuration, seed, plain):
    truth, _ = both_orders(configuration, torch.float64, seed, plain)
    published, fast = both_orders(configuration, torch.float32, seed, plain)
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
    for order in ("published", "spatial_first", "spatial_first in plain torch"):
        trained = copy.deepcopy(net).train()
        trained.algorithm = order.partition(" ")[0]
        optimizer = loop.KerasAdam(trained.parameters(), lr=1e-3)
        with plain_torch() if "plain" in order else nullcontext():
            for _ in range(50):
                for batch in torch.arange(40).split(20):
                    loop.train_step(trained, optimizer, X[batch], y[batch], weight[batch])
        ended.append(trained.state_dict())
    for name, expected in ended[0].items():
        for found in ended[1:]:
            torch.testing.assert_close(found[name], expected, atol=1e-6, rtol=0, msg=name)


def padding(kernel_length):
    return (kernel_length - 1) // 2, kernel_length // 2


@pytest.mark.parametrize("kernel_length", [1, 2, 7, 8, 20])
@pytest.mark.parametrize("groups", [1, 3])
def test_filter_bank_is_torchs_convolutions(kernel_length, groups):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 20, dtype=torch.float64, generator=generator)
    weight = torch.randn(4, groups, 5, dtype=torch.float64, generator=generator)
    kernels = torch.randn(4, groups, kernel_length, dtype=torch.float64, generator=generator)
    z = F.pad(F.conv1d(x, weight.flatten(0, 1).unsqueeze(-1)), padding(kernel_length))
    expected = F.conv1d(z, kernels, groups=4)
    torch.testing.assert_close(spatial_first.filter_bank(x, weight, kernels), expected)


def block_inputs(n_trials, n_chans, n_maps, n_mixed, kernel_length, n_times, n_seen=1):
    """What a compiled block takes: trials, and all that has gradients."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        a = torch.rand(shape, dtype=torch.float64, generator=generator) + 0.5
        return a.requires_grad_()

    x = torch.randn(n_trials, n_chans, n_times, dtype=torch.float64, generator=generator)
    weight = None if n_mixed else random(n_maps, n_seen, n_chans, 1)
    kernels = random(n_maps * n_seen, 1, 1, kernel_length)
    pointwise = random(n_mixed, n_maps, 1, 1) if n_mixed else None
    n_maps = n_mixed or n_maps
    return x, weight, kernels, pointwise, random(n_maps), random(n_maps)


def block(*inputs, pool, norm=None):
    norm = norm or torch.nn.BatchNorm2d(len(inputs[-1]), eps=1e-3).double()
    return blocks.Block.apply(blocks.Layers(norm, None, None, pool), *inputs, None, None)


SHAPES = pytest.mark.parametrize(
    "shape",
    [
        # trials, channels, maps, mixed maps, kernel, samples; temporal filters that each map sees
        (1, 2, 3, None, 1, 3),
        (9, 3, 8, None, 6, 17),
        (2, 9, 17, None, 4, 64),
        (9, 9, 17, None, 9, 9),
        (1, 2, 3, None, 1, 3, 2),
        (17, 5, 17, None, 9, 64, 3),
        (3, 3, 2, None, 8, 2400, 2),
        (2, 4, 4, 5, 1, 9),
        (2, 4, 4, 1, 4, 9),
        (2, 1, 1, 5, 7, 7),
        (2, 11, 11, 5, 9, 65),
        (9, 4, 4, 3, 40, 64),
        (2, 19, 19, 17, 16, 64),
    ],
    ids=str,
)


@needs_compiled
@SHAPES
@pytest.mark.parametrize("pool", [1, 3, 4])
def test_compiled_block_is_torchs(shape, pool):
    assert_block_is_torchs(shape, min(pool, shape[5]))


@needs_compiled
@pytest.mark.parametrize("n_fft", [2, 8, 24, 36, 54, 162, 486, 576, 2592])
@pytest.mark.parametrize("n_mixed", [None, 2])
def test_compiled_block_is_torchs_with_transforms_of_any_length(n_fft, n_mixed):
    assert spatial_first.fft_length(n_fft) == n_fft
    assert_block_is_torchs((3, 3, 3, n_mixed, min(3, n_fft - 1), n_fft - 1), 1)


@needs_compiled
@pytest.mark.parametrize("processor", names.PROCESSORS)
def test_passes_for_every_processor_are_torchs(processor, monkeypatch):
    if processor not in library.processors():
        pytest.skip("this processor is another one")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    library.load.cache_clear()
    try:
        assert processor in library.load(torch.float64)._name
        assert_block_is_torchs((9, 9, 17, None, 9, 65), 4)
        assert_block_is_torchs((9, 9, 17, None, 9, 65, 3), 4)
        assert_block_is_torchs((9, 19, 19, 17, 16, 64), 4)
    finally:
        library.load.cache_clear()


def test_without_passes_compiled_of_its_source_it_computes_in_plain_torch(
    tmp_path, monkeypatch, caplog
):
    net = EEGNet(5, 160, 2, kernel_length=16, drop_prob=0.0, algorithm="spatial_first").double()
    x = torch.randn(9, 5, 160).double()
    expected = net(x)
    for file in names.SOURCE.parent.glob("kernels*"):
        shutil.copy(file, tmp_path)
    with open(tmp_path / "kernels.c", "a") as file:
        file.write("/* of another version than what was compiled */")
    monkeypatch.setattr(names, "SOURCE", tmp_path / "kernels.c")
    library.load.cache_clear()
    try:
        assert not _kernels.can_evaluate(net, x)
        torch.testing.assert_close(net(x), expected, atol=1e-10, rtol=0)
        net(x)
        assert caplog.text.count("no compiled passes") == 1
    finally:
        library.load.cache_clear()


def assert_block_is_torchs(shape, pool):
    inputs = block_inputs(*shape)
    x, weight, kernels, pointwise, gain, bias = inputs
    x.requires_grad_(weight is None)
    norm = torch.nn.BatchNorm2d(len(gain), eps=1e-3).double()
    found = block(*inputs, pool=pool, norm=norm)
    y = x if weight is None else F.conv1d(x, weight.flatten(0, 1))
    n_seen = 1 if weight is None else weight.shape[1]
    in_groups = kernels[:, 0, 0].unflatten(0, (-1, n_seen))
    y = F.conv1d(F.pad(y, padding(kernels.shape[3])), in_groups, groups=len(in_groups))
    y = y if pointwise is None else pointwise[:, :, 0, 0] @ y
    moments = torch.zeros(len(gain)).double(), torch.ones(len(gain)).double()
    normed = F.batch_norm(y, *moments, gain, bias, training=True, eps=1e-3)
    expected = F.avg_pool1d(F.elu(normed), pool)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close((norm.running_mean, norm.running_var), moments)
    followed = [a for a in inputs if a is not None and a.requires_grad]
    grad = torch.randn_like(found)
    gradients = (torch.autograd.grad(out, followed, grad) for out in (found, expected))
    for computed, by_torch in zip(*gradients, strict=True):
        torch.testing.assert_close(computed, by_torch, atol=1e-10, rtol=1e-7)


@needs_compiled
@pytest.mark.parametrize(
    "shape", [(3, 3, 4, None, 4, 12), (2, 3, 3, 2, 3, 9), (3, 3, 2, None, 4, 12, 2)], ids=str
)
def test_gradients_of_a_compiled_block_once_and_twice(shape):
    inputs = block_inputs(*shape)
    inputs[0].requires_grad_(inputs[1] is None)
    followed = [i for i, a in enumerate(inputs) if a is not None and a.requires_grad]

    def pooled(*some):
        arguments = list(inputs)
        for i, a in zip(followed, some, strict=True):
            arguments[i] = a
        return block(*arguments, pool=4)

    some = [inputs[i].detach().requires_grad_() for i in followed]
    assert torch.autograd.gradcheck(pooled, some)
    assert torch.autograd.gradgradcheck(pooled, some)


@needs_compiled
def test_changing_weights_between_a_pass_and_its_gradient_is_an_error():
    inputs = block_inputs(2, 3, 4, None, 4, 9)
    loss = block(*inputs, pool=2).sum()
    with torch.no_grad():
        inputs[1].mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@needs_compiled
@pytest.mark.parametrize("spatial", ["depthwise", "grouped:2", "standard"])
def test_every_spatial_convolution_has_compiled_passes(spatial):
    net, x = EEGNet(3, 40, 2, spatial=spatial, algorithm="spatial_first"), torch.randn(4, 3, 40)
    assert _kernels.can_evaluate(net, x)


def test_gradients_reach_the_trials_in_training():
    net = EEGNet(3, 40, 2, kernel_length=8, drop_prob=0.0, algorithm="spatial_first").double()
    x = torch.randn(4, 3, 40, dtype=torch.float64, requires_grad=True)
    gradients = []
    for order in ("spatial_first", "published"):
        net.algorithm = order
        logits = net(x)
        gradients.append(torch.autograd.grad(logits[:, 0].square().sum(), x)[0])
    assert gradients[1].abs().max() > 0
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("factor", [1.0, 1e6, 1e20, np.inf])
@pytest.mark.parametrize(
    "sizes", [(3, 40, 8), (22, 501, 63), (64, 160, 32), (5, 1001, 125)], ids=str
)
@pytest.mark.parametrize("spatial", ["depthwise", "standard"])
def test_what_is_predicted_of_a_trial_does_not_depend_on_another(spatial, sizes, factor):
    n_chans, n_times, kernel_length = sizes
    generator = torch.Generator().manual_seed(0)
    net = EEGNet(
        n_chans,
        n_times,
        2,
        kernel_length=kernel_length,
        spatial=spatial,
        generator=generator,
        algorithm="spatial_first",
    ).eval()
    x = torch.randn(23, n_chans, n_times, generator=generator)
    with torch.no_grad():
        alone = torch.cat([net(trial.clone()) for trial in x.split(1)])
        x[1] *= factor
        together = net(x)
    kept = torch.arange(23) != 1
    assert torch.equal(together[kept], alone[kept])


@needs_compiled
def test_gradients_of_trials_that_lie_in_another_order_are_those_of_the_same_values():
    x, *others = block_inputs(3, 4, 4, 5, 3, 9)
    grads = []
    for values in (x, x.mT.contiguous().mT):
        trials = values.detach().requires_grad_()
        block(trials, *others, pool=3).square().sum().backward()
        grads.append(trials.grad)
    assert torch.equal(*grads)


@needs_compiled
@pytest.mark.parametrize("shape", [(2, 2, 9), (2, 4, 9)])
def test_a_block_refuses_trials_of_another_number_of_channels(shape):
    _, *others = block_inputs(2, 3, 4, None, 4, 9)
    with pytest.raises(ValueError, match="for 3 channels"):
        block(torch.ones(shape).double(), *others, pool=2)


@needs_compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lag_statistics_of_kernels_of_another_length_are_refused(dtype):
    net = EEGNet(3, 64, 2, kernel_length=16, algorithm="spatial_first").to(dtype)
    x = torch.randn(4, 3, 64, dtype=dtype)
    with pytest.raises(ValueError, match="not of kernels of 16 taps"):
        net(x, spatial_first.lag_statistics(x, 8))


@needs_compiled
def test_normalisations_that_were_cut_are_left_to_torch():
    net = EEGNet(3, 64, 2, kernel_length=16, algorithm="spatial_first")
    x = torch.randn(4, 3, 64)
    assert _kernels.can_evaluate(net, x)
    net.spatial_norm.weight = torch.nn.Parameter(torch.ones(3))
    assert not _kernels.can_evaluate(net, x)
    with pytest.raises(RuntimeError, match="16"):
        net(x)


@needs_compiled
def test_what_a_step_keeps_is_given_back_without_a_search_for_cycles(monkeypatch):
    made, begin = [], library.Passes.__init__

    def note(passes, *arguments, **more):
        begin(passes, *arguments, **more)
        made.append(weakref.ref(passes))

    monkeypatch.setattr(library.Passes, "__init__", note)
    net = EEGNet(3, 64, 2, kernel_length=16, algorithm="spatial_first")
    gc.disable()
    try:
        logits = net(torch.randn(4, 3, 64))
        assert any(each() is not None for each in made)
        del logits
        assert all(each() is None for each in made)
    finally:
        gc.enable()


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("algorithm", ["spatial_first", "published"])
def test_no_trials_have_no_logits_and_change_nothing(algorithm, dtype, given, mode):
    net = EEGNet(3, 64, 2, kernel_length=16, algorithm=algorithm).to(dtype)
    statistics = None
    if given:
        known = spatial_first.LagStatistics(16, 2).add(torch.randn(2, 3, 64))
        statistics = known.of_batch(torch.tensor([], dtype=torch.int64))
    before = copy.deepcopy(net.state_dict())
    getattr(net, mode)()
    logits = net(torch.zeros(0, 3, 64, dtype=dtype), statistics)
    assert logits.shape == (0, 2)
    logits.sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in net.parameters())
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]) or "num_batches" in name


@pytest.mark.parametrize("algorithm", ["spatial_first", "published"])
def test_a_single_value_of_each_map_is_refused_in_training(algorithm):
    sizes = {"n_chans": 3, "n_times": 7, "kernel_length": 2, "separable_kernel_length": 1}
    net = EEGNet(**sizes, n_outputs=2, pool1=4, pool2=1, algorithm=algorithm).train()
    with pytest.raises(ValueError, match=r"no variance|more than 1 value"):
        net(torch.randn(1, 3, 7))
    assert net(torch.randn(2, 3, 7)).isfinite().all()


@pytest.mark.parametrize("n", [1, 2, 7, 520, 1063, 1187])
def test_fft_length_suffices_and_is_even_with_small_factors(n):
    length = spatial_first.fft_length(n)
    assert n <= length <= 1.2 * n + 2
    assert length % 2 == 0
    while length % 2 == 0:
        length //= 2
    assert length in (1, 3, 9, 27, 81, 243)


@needs_compiled
def test_compiled_elu_is_exact_to_rounding_and_passes_nan_on():
    u = torch.cat([torch.linspace(-120, 5, 100_000), torch.tensor([-0.0, float("nan")])])
    lanes = library.load(u.dtype).lanes()
    norm, pooled = torch.nn.BatchNorm2d(1, eps=0.0), torch.empty(1, 1, len(u))
    sizes = {"n_trials": 1, "n_times": len(u), "n_out": 1, "pool": 1, "n_pooled": len(u)}
    passes = library.Passes(u.dtype, **sizes, y=F.pad(u[:, None], (0, lanes - 1)), pooled=pooled)
    passes.take_norm("norm", norm, norm.weight, norm.bias)
    passes.run("pool", 1)
    expected = F.elu(u.double())
    torch.testing.assert_close(
        pooled[0, 0].double(), expected, atol=2**-23, rtol=2**-23, equal_nan=True
    )


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


@needs_compiled
@pytest.mark.parametrize(("n_trials", "n_chans"), [(1, 1), (3, 5), (2, 40), (9, 64)])
@pytest.mark.parametrize("mean", [0.0, 1e3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_lag_statistics_are_sums_over_the_shifted_input(n_trials, n_chans, mean, dtype):
    generator = torch.Generator().manual_seed(0)
    x = (torch.randn(n_trials, n_chans, 60, generator=generator) + mean).to(dtype)
    shifted = F.pad(x.double(), padding(9)).unfold(2, 60, 1).movedim(2, 0)
    sums, products = spatial_first.lag_statistics(x, 9, _kernels.blocks.sums_of_channels)
    rounding = 60 * n_trials * n_chans * 10 * torch.finfo(dtype).eps
    expected = shifted.sum((1, 2, 3))
    torch.testing.assert_close(sums, expected, rtol=1e-6, atol=rounding)
    expected = (shifted.unsqueeze(1) * shifted).sum((2, 3, 4))
    rounding = rounding if mean == 0 else 1e-12 * products[4, 4]
    torch.testing.assert_close(products, expected, rtol=0, atol=rounding)


def test_classifier_predicts_the_same_in_both_orders():
    X, y = make_trials()
    orders = {
        order: EEGNetClassifier(sfreq=128, max_epochs=10, random_state=0, algorithm=order).fit(X, y)
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
    assert clf.algorithm_ == expected


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr(library, "WORTH_PARTS", 1)
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
                algorithm="spatial_first",
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


def test_an_error_leaves_nobody_at_work():
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
            threads.in_parts(work, 2)
    finally:
        torch.set_num_threads(before)
    assert ended == [2]


def test_predictions_follow_weights_that_are_changed_after_the_fit():
    X, y = make_trials()
    clf = EEGNetClassifier(max_epochs=2, random_state=0, algorithm="spatial_first").fit(X, y)
    before = clf.decision_function(X)
    with torch.no_grad():
        clf.module_.classifier.weight.neg_()
        clf.module_.classifier.bias.neg_()
    np.testing.assert_allclose(clf.decision_function(X), -before, rtol=1e-5)


def test_a_network_that_mixes_time_and_electrodes_cannot_be_evaluated_spatial_first():
    X, y = make_trials()
    clf = EEGNetClassifier(max_epochs=1, spatial="joint", algorithm="spatial_first")
    with pytest.raises(ValueError, match="spatial_first"):
        clf.fit(X, y)
    assert clf.set_params(algorithm="auto").fit(X, y).algorithm_ == "published"
