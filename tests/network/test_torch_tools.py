"""EEGNet as an ordinary torch module: each of torch's tools gives what a plain loop gives.

Both orders of evaluation are tried, in training and in inference.
"""

import copy
import io
import pickle
import shutil
import warnings

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, update_bn

from eegsep import EEGNet
from eegsep.network import spatial_first
from eegsep.training import KerasAdam

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
SIZES = {"n_chans": 5, "n_times": 64, "n_outputs": 3, "kernel_length": 16}
ORDERS = pytest.mark.parametrize("algorithm", ["spatial_first", "published"])


def make_net(algorithm="spatial_first", seed=0, drop_prob=0.0, **options):
    generator = torch.Generator().manual_seed(seed)
    sizes = SIZES | options
    return EEGNet(**sizes, drop_prob=drop_prob, algorithm=algorithm, generator=generator)


def make_batch(n_trials=12, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n_trials, 5, 64, generator=generator, dtype=dtype)
    return x, torch.arange(n_trials) % 3


def loss_of(net, x, y):
    return F.cross_entropy(net(x), y)


def everything(net, x, y):
    """Loss, gradients and buffers of a pass in training, then the outputs in inference."""
    net = net.train()
    loss = loss_of(net, x, y)
    loss.backward()
    found = [loss.detach(), *(p.grad for p in net.parameters())]
    with torch.no_grad():
        return [*found, *(b.clone() for b in net.buffers()), net.eval()(x)]


def assert_close(found, expected, tolerance=2e-5):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


@ORDERS
def test_compile_finds_one_graph_in_training_and_in_inference(algorithm):
    net, (x, y) = make_net(algorithm), make_batch()
    expected = everything(copy.deepcopy(net), x, y)
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    assert_close(everything(compiled, x, y), expected)


@pytest.mark.skipif(
    not (shutil.which("c++") or shutil.which("g++") or shutil.which("cl")),
    reason="torch.compile needs a C++ compiler, and there is none here",
)
def test_compiled_code_trains():
    net, (x, y) = make_net().train(), make_batch()
    compiled = copy.deepcopy(net)
    torch.compiler.reset()
    loss_of(torch.compile(compiled, fullgraph=True), x, y).backward()
    loss_of(net, x, y).backward()
    for found, expected in zip(compiled.parameters(), net.parameters(), strict=True):
        assert_close(found.grad, expected.grad)
    assert_close(list(compiled.buffers()), list(net.buffers()))


@ORDERS
def test_export_predicts_and_trains(algorithm):
    net, (x, y) = make_net(algorithm), make_batch()
    batch = {0: torch.export.Dim("batch", min=2, max=64)}
    exported = torch.export.export(net.eval(), (x,), dynamic_shapes={"x": batch})
    more, _ = make_batch(20, seed=1)
    assert_close(exported.module()(more), net(more))
    training = torch.export.export(net.train(), (x,)).module()
    twin = copy.deepcopy(net)
    loss_of(training, x, y).backward()
    loss_of(twin, x, y).backward()
    twins = dict(twin.named_parameters()) | dict(twin.named_buffers())
    for name, p in training.named_parameters():
        assert_close(p.grad, twins[name].grad)
    for name, b in training.named_buffers():
        assert_close(b, twins[name])


@ORDERS
def test_export_survives_saving(algorithm):
    net, (x, _) = make_net(algorithm).eval(), make_batch()
    file = io.BytesIO()
    torch.export.save(torch.export.export(net, (x,)), file)
    file.seek(0)
    assert_close(torch.export.load(file).module()(x), net(x))


@ORDERS
def test_jit_trace_predicts_and_survives_saving(algorithm):
    net, (x, _) = make_net(algorithm).eval(), make_batch()
    traced = torch.jit.trace(net, (x,))
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    loaded = torch.jit.load(file)
    assert_close(loaded(x), net(x))
    assert_close(loaded(2 * x), net(2 * x))


@ORDERS
def test_jit_trace_trains(algorithm):
    net, (x, y) = make_net(algorithm).train(), make_batch()
    traced = torch.jit.trace(copy.deepcopy(net), (x,), check_trace=False)
    buffers = {name: buffer.clone() for name, buffer in net.named_buffers()}
    for name, buffer in traced.named_buffers():  # tracing has moved them
        buffer.copy_(buffers[name])
    loss_of(traced, x, y).backward()
    loss_of(net, x, y).backward()
    twins = dict(net.named_parameters()) | dict(net.named_buffers())
    for name, p in traced.named_parameters():
        assert_close(p.grad, twins[name].grad)
    for name, b in traced.named_buffers():
        assert_close(b, twins[name])


@ORDERS
@pytest.mark.parametrize("fold", ["seeds", "folds"])
def test_stacked_networks_train_as_each_alone(algorithm, fold):
    nets = [make_net(algorithm, seed=i).train() for i in range(3)]
    batches = [make_batch(seed=i if fold == "folds" else 0) for i in range(3)]
    stacked = [torch.stack([b[i] for b in batches]) for i in range(2)]
    if fold == "seeds":
        stacked = [a[0] for a in stacked]
    parameters, buffers = stack_module_state(nets)
    parameters = {name: p.detach() for name, p in parameters.items()}
    base = copy.deepcopy(nets[0]).to("meta")

    def loss(parameters, buffers, x, y):
        return F.cross_entropy(functional_call(base, (parameters, buffers), (x,)), y)

    over = 0 if fold == "folds" else None
    gradients = vmap(grad(loss), in_dims=(0, 0, over, over))(parameters, buffers, *stacked)
    for i, (net, (x, y)) in enumerate(zip(nets, batches, strict=True)):
        loss_of(net, x, y).backward()
        for name, p in net.named_parameters():
            assert_close(gradients[name][i], p.grad)
        for name, b in net.named_buffers():
            assert_close(buffers[name][i], b)
        net.eval()
    base.eval()

    def predict(parameters, buffers, x):
        return functional_call(base, (parameters, buffers), (x,))

    logits = vmap(predict, in_dims=(0, 0, over))(parameters, buffers, stacked[0])
    for i, (net, (x, _)) in enumerate(zip(nets, batches, strict=True)):
        assert_close(logits[i], net(x))


def test_stacked_networks_take_the_statistics_of_their_batches():
    nets = [make_net(seed=i).train() for i in range(2)]
    batches = [make_batch(seed=i) for i in range(2)]
    x = torch.stack([x for x, _ in batches])
    known = [spatial_first.lag_statistics(x, 16) for x, _ in batches]
    known = tuple(torch.stack(a) for a in zip(*known, strict=True))
    parameters, buffers = stack_module_state(nets)
    base = copy.deepcopy(nets[0]).to("meta")

    def evaluate(parameters, buffers, x, *statistics):
        return functional_call(base, (parameters, buffers), (x, statistics))

    logits = vmap(evaluate)(parameters, buffers, x, *known)
    for found, net, (one, _) in zip(logits, nets, batches, strict=True):
        assert_close(found, net(one))


def test_stacked_networks_drop_differently():
    nets = [make_net(seed=0, drop_prob=0.5).train() for _ in range(2)]
    parameters, buffers = stack_module_state(nets)
    base = copy.deepcopy(nets[0]).to("meta")

    def evaluate(parameters, buffers, x):
        return functional_call(base, (parameters, buffers), (x,))

    x, _ = make_batch()
    logits = vmap(evaluate, in_dims=(0, 0, None), randomness="different")(parameters, buffers, x)
    assert not torch.allclose(logits[0], logits[1])


@ORDERS
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("drop_prob", [0.0, 0.5])
def test_autocast_trains_and_predicts_to_its_precision(algorithm, dtype, drop_prob):
    net, (x, y) = make_net(algorithm, drop_prob=drop_prob).train(), make_batch()
    reference = copy.deepcopy(net)
    with torch.autocast("cpu", dtype=dtype):
        loss = loss_of(net, x, y)
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
    if drop_prob == 0:
        assert_close(loss, loss_of(reference, x, y), tolerance=0.02)
    with torch.no_grad(), torch.autocast("cpu", dtype=dtype):
        low = net.eval()(x)
    assert_close(low.float(), net(x), tolerance=0.02)


@ORDERS
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_a_network_of_another_type_trains_and_predicts(algorithm, dtype):
    net, (x, y) = make_net(algorithm, drop_prob=0.5).to(dtype), make_batch(dtype=dtype)
    loss_of(net.train(), x, y).backward()
    assert all(p.grad.dtype == dtype for p in net.parameters())
    assert net.eval()(x).dtype == dtype


def test_grad_scaler_leaves_out_steps_that_overflow_and_scales_the_others():
    net, (x, y) = make_net(), make_batch()
    scaled, plain = (copy.deepcopy(net).train() for _ in range(2))
    optimizers = [KerasAdam(n.parameters(), lr=1e-2) for n in (scaled, plain)]
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    before = copy.deepcopy(scaled.state_dict())
    scaler.scale(loss_of(scaled, x, y)).backward()
    scaled.classifier.weight.grad[0, 0] = torch.inf
    scaler.step(optimizers[0])
    scaler.update()
    for name, p in scaled.named_parameters():
        assert torch.equal(p, before[name]), name
    assert scaler.get_scale() == 2.0**9
    scaled.load_state_dict(before)
    for _ in range(3):
        for n, optimizer in zip((scaled, plain), optimizers, strict=True):
            optimizer.zero_grad()
            loss = loss_of(n, x, y)
            (scaler.scale(loss) if n is scaled else loss).backward()
        scaler.step(optimizers[0])
        scaler.update()
        optimizers[1].step()
    for a, b in zip(scaled.parameters(), plain.parameters(), strict=True):
        assert_close(a, b, tolerance=1e-4)


def kerass_adam(p, gradients, lr, eps):
    """Follow the formulas of Keras's documentation in float64."""
    m = v = torch.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        alpha = lr * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        p = p - alpha * m / (v.sqrt() + eps)
    return p


@pytest.mark.parametrize("eps", [1e-7, 1e-2])
def test_adam_takes_the_groups_epsilon_and_counts_each_parameters_steps(eps):
    generator = torch.Generator().manual_seed(0)
    start, late = torch.randn(2, 4, dtype=torch.float64, generator=generator)
    gradients = 1e-4 * torch.randn(6, 4, dtype=torch.float64, generator=generator)
    both = [a.clone().requires_grad_() for a in (start, late)]
    optimizer = KerasAdam([{"params": both, "eps": eps}], lr=1e-2)
    for i, gradient in enumerate(gradients):
        both[0].grad = gradient.clone()
        both[1].grad = gradient.clone() if i >= 3 else None
        optimizer.step()
    expected = kerass_adam(start, gradients, 1e-2, eps), kerass_adam(late, gradients[3:], 1e-2, eps)
    assert_close([a.detach() for a in both], list(expected), tolerance=1e-12)


def test_adam_takes_a_closure():
    p = torch.ones(3, requires_grad=True)
    optimizer = KerasAdam([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = p.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 3
    assert_close(p.detach(), torch.full((3,), 0.9), tolerance=1e-6)


def test_adam_follows_a_schedule_and_goes_on_from_its_state():
    net, (x, y) = make_net(), make_batch()
    optimizer = KerasAdam(net.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    loss_of(net, x, y).backward()
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 5e-3
    twin = copy.deepcopy(net)
    other = KerasAdam(twin.parameters(), lr=1)
    other.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
    for n, o in ((net, optimizer), (twin, other)):
        o.zero_grad()
        loss_of(n, x, y).backward()
        o.step()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


def test_double_backward_is_that_of_the_published_order():
    found = []
    for algorithm in ("spatial_first", "published"):
        net, (x, y) = make_net(algorithm).double().train(), make_batch(dtype=torch.float64)
        parameters = list(net.parameters())
        first = torch.autograd.grad(loss_of(net, x, y), parameters, create_graph=True)
        penalty = sum(g.square().sum() for g in first)
        found.append(torch.autograd.grad(penalty, parameters))
    assert_close(*found, tolerance=1e-9)


def _train_a_rank(rank, path):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{path}", rank=rank, world_size=2
    )
    for algorithm in ("spatial_first", "published"):
        _train_a_network(rank, f"{path}-{algorithm}-{rank}", algorithm)
    torch.distributed.destroy_process_group()


def _train_a_network(rank, path, algorithm):
    net = torch.nn.parallel.DistributedDataParallel(make_net(algorithm).train())
    optimizer = KerasAdam(net.parameters(), lr=1e-2)
    for step in range(2):
        x, y = make_batch(seed=2 * step + rank)
        optimizer.zero_grad()
        loss_of(net, x, y).backward()
        optimizer.step()
        net.module.project_()
    torch.save(dict(net.module.named_parameters()), path)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_train_on_the_mean_of_their_gradients(tmp_path):
    path = str(tmp_path / "rendezvous")
    torch.multiprocessing.spawn(_train_a_rank, (path,), nprocs=2)
    for algorithm in ("spatial_first", "published"):
        net = make_net(algorithm).train()
        optimizer = KerasAdam(net.parameters(), lr=1e-2)
        for step in range(2):
            optimizer.zero_grad()
            losses = [loss_of(net, *make_batch(seed=2 * step + rank)) for rank in range(2)]
            (sum(losses) / 2).backward()
            optimizer.step()
            net.project_()
        for rank in range(2):
            for name, p in torch.load(f"{path}-{algorithm}-{rank}").items():
                assert_close(p, net.get_parameter(name), tolerance=1e-4)


@ORDERS
def test_averaged_weights_get_normalisations_of_their_own(algorithm):
    net, batches = make_net(algorithm), [make_batch(seed=i)[0] for i in range(3)]
    averaged = AveragedModel(net)
    with torch.no_grad():
        net.temporal.weight.mul_(1.1)
    averaged.update_parameters(net)
    update_bn(batches, averaged)
    module = copy.deepcopy(averaged.module).train()
    # the mean over the batches of the published order's own
    module.algorithm = "published"
    update_bn(batches, module)
    for (name, found), expected in zip(
        averaged.module.named_buffers(), module.buffers(), strict=True
    ):
        assert_close(found, expected, tolerance=1e-4)
        if name.endswith("num_batches_tracked"):
            assert found == 3


@ORDERS
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: _saved(net)],
    ids=["deepcopy", "pickle", "save"],
)
def test_copies_compute_the_same(algorithm, copied):
    net, (x, y) = make_net(algorithm), make_batch()
    net(x)
    twin = copied(net)
    for a, b in zip(everything(net, x, y), everything(twin, x, y), strict=True):
        assert torch.equal(a, b)


def _saved(net):
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def test_a_network_is_made_on_the_device_of_the_context():
    with torch.device("meta"):
        net = make_net()
    assert {t.device.type for t in [*net.parameters(), *net.buffers()]} == {"meta"}
    assert net(torch.empty(2, 5, 64, device="meta")).shape == (2, 3)


@ORDERS
def test_deterministic_algorithms_are_enough(algorithm):
    net, (x, y) = make_net(algorithm), make_batch()
    torch.use_deterministic_algorithms(True)
    try:
        found = [everything(copy.deepcopy(net), x, y) for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


def test_no_cumulative_sum_is_taken_which_deterministic_cuda_refuses():
    from torch.utils._python_dispatch import TorchDispatchMode

    class Names(TorchDispatchMode):
        called = set()  # noqa: RUF012 - one test's

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.called.add(str(function))
            return function(*args, **(kwargs or {}))

    net, (x, y) = make_net(), make_batch()
    with Names() as names:
        loss_of(net, x, y).backward()
        known = spatial_first.LagStatistics(16, len(x)).add(x)
        net(x[:4], known.of_batch(torch.arange(4)))
    assert any("fft" in name for name in names.called)
    assert not [name for name in names.called if "cumsum" in name]


class _AsOnMPS(torch.utils._python_dispatch.TorchDispatchMode):
    """Refuse float64, as MPS does."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float64:
                raise TypeError(f"{function} made float64")
        return out


@ORDERS
def test_devices_without_float64_train_and_predict(algorithm, monkeypatch):
    monkeypatch.setattr(spatial_first, "_wide", lambda device: torch.float32)
    net, (x, y) = make_net(algorithm), make_batch()
    expected = everything(copy.deepcopy(net), x, y)
    with _AsOnMPS():
        found = everything(net, x, y)
    assert_close(found, expected, tolerance=1e-4)


@ORDERS
@pytest.mark.parametrize("name", ["temporal", "spatial_norm", "pointwise", "classifier"])
def test_hooks_on_layers_are_called(algorithm, name):
    net, (x, _) = make_net(algorithm).eval(), make_batch()
    with torch.no_grad():
        before, called = net(x), []
        hook = net.get_submodule(name).register_forward_hook(lambda *_: called.append(name))
        torch.testing.assert_close(net(x), before)
        hook.remove()
        net(x)
    assert called == [name]


@ORDERS
def test_exchanged_layers_are_used(algorithm):
    net, (x, _) = make_net(algorithm).eval(), make_batch()
    net.classifier = torch.nn.Sequential(net.classifier, torch.nn.Softmax(1))
    assert_close(net(x).sum(1), torch.ones(len(x)))
    net.temporal_norm = torch.nn.Identity()
    assert_close(net(x).sum(1), torch.ones(len(x)))


@ORDERS
def test_frozen_normalisations_stay(algorithm):
    """Fine-tuning with normalisations in inference, the rest in training."""
    net, (x, y) = make_net(algorithm).train(), make_batch()
    for layer in (net.temporal_norm, net.spatial_norm, net.separable_norm):
        layer.eval()
    twin = copy.deepcopy(net)
    twin.algorithm = "published"
    for n in (net, twin):
        loss_of(n, x, y).backward()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert_close(a.grad, b.grad)
    for a, b in zip(net.buffers(), make_net(algorithm).buffers(), strict=True):
        assert torch.equal(a, b)


@ORDERS
def test_devices_that_are_there_give_the_cpus_numbers(algorithm, accelerator):
    net, (x, y) = make_net(algorithm), make_batch()
    expected = everything(copy.deepcopy(net), x, y)
    found = everything(net.to(accelerator), x.to(accelerator), y.to(accelerator))
    assert_close([a.cpu() for a in found], expected, tolerance=1e-3)
