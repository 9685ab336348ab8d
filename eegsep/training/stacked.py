"""Training many networks of one architecture at once: seeds, folds, ensembles, permutations.

For devices that take longer to begin an operation than to compute it on a small network.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from eegsep.network.spatial_first import LagStatistics

from . import loop
from .batches import split_into_batches
from .trials import to_device

# Networks trained at once: more take memory, and gain little where the device is busy already.
AT_ONCE = 32


def is_faster(device):
    """Whether a stack trains sooner than its networks one after the other.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    faster : bool
        True on accelerators, where a small network's operations take less time than starting
        them. On a CPU networks one by one stay in its caches, and have compiled passes.
    """
    return device.type != "cpu"


class _Masked(nn.Module):
    """Dropout by a mask that is given from outside, one for each network of a stack."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mask", None)

    def forward(self, x):
        return x * self.mask


class _Projected(nn.Module):
    """Projection as a module's call, for ``functional_call``."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self):
        return self.net.project_().classifier.weight


class Stack:
    """Networks of one architecture, evaluated in training and projected as one.

    Parameters
    ----------
    nets : list of EEGNet
        Alike in everything but the values of weights, on one device. They are left as they are.
    seed : int
        For dropout.

    Attributes
    ----------
    parameters, buffers : dict of torch.Tensor, shape (n_nets, ...)
        Of all networks, by the names that one has them by.
    smallest_batch : int
        Least number of trials that each network can normalise by.
    """

    def __init__(self, nets, seed=0):
        _check_alike(nets)
        self.parameters, self.buffers = stack_module_state(nets)
        self._net = copy.deepcopy(nets[0]).to("meta").train()
        # normalisation needs two values a map, which one trial lacks when pooled to one sample
        self.smallest_batch = 1 if self._net.n_times // self._net.pool1 > 1 else 2
        self._generator, self._dropped = None, {}
        n_pooled = self._net.n_times // self._net.pool1
        widths = {"dropout1": (self._net.F1 * self._net.D, n_pooled)}
        widths["dropout2"] = (self._net.F2, n_pooled // self._net.pool2)
        for name, (n_maps, n_samples) in widths.items():
            drop_prob = getattr(self._net, name).drop_prob
            if drop_prob > 0:
                self._dropped[name] = drop_prob, (n_maps, 1, n_samples)
                setattr(self._net, name, _Masked())
        if self._dropped:
            device = nets[0].classifier.weight.device
            self._generator = torch.Generator(device).manual_seed(int(seed))

    def __call__(self, x, statistics=None):
        """Map each network's windows to its logits.

        Parameters
        ----------
        x : torch.Tensor, shape (n_nets, B, n_chans, n_times)
        statistics : tuple of torch.Tensor, shapes (n_nets, K) and (n_nets, K, K) | None
            Of each network's windows, as :meth:`EEGNet.forward` takes them.

        Returns
        -------
        logits : torch.Tensor, shape (n_nets, B, n_outputs)
        """
        state = {**self.parameters, **self.buffers, **self._masks(x)}

        def evaluate(state, x, statistics):
            return functional_call(self._net, state, (x, statistics))

        return vmap(evaluate, in_dims=(0, 0, None if statistics is None else 0))(
            state, x, statistics
        )

    def _masks(self, x):
        """Draw what each element after a pooling is multiplied by."""
        return {
            f"{name}.mask": torch.empty((*x.shape[:2], *shape), dtype=x.dtype, device=x.device)
            .bernoulli_(1 - drop_prob, generator=self._generator)
            .div_(1 - drop_prob)
            for name, (drop_prob, shape) in self._dropped.items()
        }

    @torch.no_grad()
    def project_(self):
        """Project each network's weights onto its max-norm balls, in place."""
        projected = _Projected(self._net)

        def project(parameters):
            state = {f"net.{name}": p for name, p in parameters.items()}
            return functional_call(projected, state, ())

        vmap(project)(self.parameters)
        return self

    @torch.no_grad()
    def copy_to(self, nets):
        """Write the weights and buffers to networks.

        Parameters
        ----------
        nets : list of EEGNet
            As many as there are in the stack.
        """
        for name, stacked in (self.parameters | self.buffers).items():
            for net, value in zip(nets, stacked, strict=True):
                owner, _, last = name.rpartition(".")
                getattr(net.get_submodule(owner), last).copy_(value)


def _check_alike(nets):
    """Refuse networks that cannot be stacked."""
    if not nets:
        raise ValueError("There is no network to train")

    def description(net):
        lengths = net.n_chans, net.n_times, net.pool1, net.pool2, net.spatial_number
        weights = [
            (name, p.shape, p.dtype, p.device, p.requires_grad)
            for name, p in net.named_parameters()
        ]
        bounds = net.spatial_max_norm, net.dense_max_norm
        return repr(net), lengths, weights, bounds, net.algorithm

    for i, net in enumerate(nets):
        if description(net) != description(nets[0]):
            raise ValueError(
                f"Networks must be alike in all but their weights' values: network {i} differs "
                "from the first in its sizes, layers, bounds, type, device or order of evaluation"
            )


def _check_shapes(nets, X, y, weight, trials_of, seeds):
    n_nets, net = len(nets), nets[0]
    if X.shape[1:] != (net.n_chans, net.n_times) or not len(X):
        raise ValueError(
            f"X must be windows of shape (n_trials, {net.n_chans}, {net.n_times}), got "
            f"{tuple(X.shape)}"
        )
    known = net.classifier.weight
    if (X.dtype, X.device) != (known.dtype, known.device):
        raise ValueError(
            f"X is of {X.dtype} on {X.device}, but the networks are of {known.dtype} on "
            f"{known.device}"
        )
    for name, a in (("y", y), ("weight", weight)):
        if a is not None and a.shape not in ((len(X),), (n_nets, len(X))):
            raise ValueError(
                f"{name} must be of shape ({len(X)},) or ({n_nets}, {len(X)}), got {tuple(a.shape)}"
            )
    if trials_of.ndim != 2 or len(trials_of) != n_nets:
        raise ValueError(
            f"trials_of must be of shape ({n_nets}, n_used), got {tuple(trials_of.shape)}"
        )
    if len(seeds) != n_nets:
        raise ValueError(f"seeds must be one for each of {n_nets} networks, got {len(seeds)}")


def train_stack(
    nets,
    X,
    y,
    weight=None,
    *,
    trials_of=None,
    max_epochs,
    batch_size,
    lr,
    weight_decay=0.0,
    seeds,
    dropout_seed=0,
):
    """Train networks at once, each as :func:`eegsep.training.train` trains it alone.

    Each has its own trials, their own order, its own normalisations and dropout. All have equally
    many trials. Nothing waits for the device before the end.

    Parameters
    ----------
    nets : list of EEGNet
        Alike in everything but the values of weights, on one device. They are trained in place.
    X : torch.Tensor, shape (n_trials, n_chans, n_times)
        Windows, scaled, on the networks' device and of their type.
    y : torch.Tensor of int, shape (n_trials,) or (n_nets, n_trials)
        Classes, for all networks or for each.
    weight : torch.Tensor, shape (n_trials,) or (n_nets, n_trials) | None
        Weights of the trials, with mean 1 over those of a network; None for 1.
    trials_of : torch.Tensor of int, shape (n_nets, n_used) | None
        Which trials each network is trained on; None for all.
    max_epochs, batch_size : int
    lr, weight_decay : float
        As :class:`eegsep.training.KerasAdam` takes them.
    seeds : sequence of int, length n_nets
        For each network's order of trials.
    dropout_seed : int
        For the dropout of all.

    Returns
    -------
    history : dict of ndarray, shape (max_epochs, n_nets)
        ``train_loss`` and ``train_accuracy``, weighted means over the trials, as they stood when
        each batch was visited.

    Raises
    ------
    ValueError
        If the networks are not alike, or shapes do not fit.
    FloatingPointError
        If a loss or a weight is no longer a finite number.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training.stacked import train_stack
    >>> X, y = torch.randn(20, 4, 128), torch.arange(20) % 2
    >>> nets = [EEGNet(n_chans=4, n_times=128, n_outputs=2) for _ in range(3)]
    >>> history = train_stack(nets, X, y, max_epochs=2, batch_size=10, lr=1e-3, seeds=range(3))
    >>> history["train_loss"].shape
    (2, 3)
    """
    seeds = list(seeds)
    stack, device = Stack(nets, dropout_seed), X.device
    if trials_of is None:
        trials_of = torch.arange(len(X), device=device).expand(len(nets), -1)
    trials_of = trials_of.to(device)
    _check_shapes(nets, X, y, weight, trials_of, seeds)
    weight = X.new_ones(len(X)) if weight is None else weight
    y, weight = (a.expand(len(nets), -1) for a in (y, weight))
    statistics = None
    if nets[0].algorithm == "spatial_first":
        statistics = LagStatistics(nets[0].kernel_length, len(X)).add(X)
    optimizer = loop.KerasAdam(list(stack.parameters.values()), lr, weight_decay)
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    records = [
        _epoch(stack, optimizer, (X, y, weight, statistics), trials_of, batch_size, generators)
        for _ in range(max_epochs)
    ]
    losses, hits = torch.stack(records, 1) if records else X.new_zeros(2, 0, len(nets))
    total = weight.gather(1, trials_of).sum(1)
    finite = torch.stack(
        [losses.isfinite().all()]
        + [a.isfinite().all() for a in (stack.parameters | stack.buffers).values()]
    )
    if not finite.all():
        raise FloatingPointError(loop.DIVERGED)
    stack.copy_to(nets)
    for net in nets:
        net.eval()
    return {
        "train_loss": (losses / trials_of.shape[1]).cpu().numpy(),
        "train_accuracy": (hits / total).cpu().numpy(),
    }


def _epoch(stack, optimizer, data, trials_of, batch_size, generators):
    """Visit each network's trials once; sums of its losses and weighted hits, (2, n_nets)."""
    X, y, weight, statistics = data
    n_nets, n_used = trials_of.shape
    order = torch.stack([torch.randperm(n_used, generator=g) for g in generators])
    visits = trials_of.gather(1, to_device(order, X.device))
    sums = X.new_zeros(2, n_nets)
    for batch in split_into_batches(visits.mT, batch_size, stack.smallest_batch):
        batch = batch.mT
        batch_y, batch_weight = y.gather(1, batch), weight.gather(1, batch)
        optimizer.zero_grad(set_to_none=True)
        known = None if statistics is None else vmap(statistics.of_batch)(batch)
        logits = stack(X[batch], known)
        # loop.weighted_loss; under vmap, CUDA would refuse its gradient where bits must repeat
        losses = F.cross_entropy(logits.flatten(0, 1), batch_y.flatten(), reduction="none")
        loss = (losses.view_as(batch_y) * batch_weight).mean(1)
        loss.sum().backward()  # each network's gradient is that of its own loss
        optimizer.step()
        stack.project_()
        hits = ((logits.detach().argmax(2) == batch_y) * batch_weight).sum(1)
        sums += torch.stack([loss.detach() * batch.shape[1], hits])
    return sums
