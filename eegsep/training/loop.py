"""Training one network, and its outputs: the optimiser, its step, and the loop, which hooks watch.

Hooks may stop it and change weights and rates. :func:`evaluate` is what predictions come from.
"""

from __future__ import annotations

import copy
import math
import os
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch.nn import functional as F
from torch.optim.adamw import adamw
from torch.optim.swa_utils import update_bn

from eegsep.network.layers import Dropout

# Of Keras's Adam, which the published network was trained with.
ADAM_EPS = 1e-7
# Trials evaluated at once are chosen such that the largest feature map stays near this size.
EVALUATION_BYTES = 16 * 2**20

DIVERGED = (
    "Training diverged: the loss or a weight is not finite any more. A smaller lr may help; also "
    "look for extreme values in X."
)


@contextmanager
def drawing_from(net, generator):
    """Let the dropouts of ``net`` draw from ``generator``."""
    dropouts = [module for module in net.modules() if isinstance(module, Dropout)]
    before = [dropout.generator for dropout in dropouts]
    for dropout in dropouts:
        dropout.generator = generator
    try:
        yield
    finally:
        for dropout, its_generator in zip(dropouts, before, strict=True):
            dropout.generator = its_generator


def weighted_loss(logits, y, weight):
    """Cross-entropy of each trial times its weight, averaged over the trials.

    Not divided by the batch's sum of weights: a batch of light trials is to count for little.

    Parameters
    ----------
    logits : torch.Tensor, shape (B, n_outputs)
    y : torch.Tensor of int, shape (B,)
    weight : torch.Tensor, shape (B,)

    Returns
    -------
    loss : torch.Tensor, shape ()

    Examples
    --------
    >>> import torch
    >>> from eegsep.training import weighted_loss
    >>> weighted_loss(torch.zeros(2, 2), torch.tensor([0, 1]), torch.tensor([2.0, 0.0])).item()
    0.693...
    """
    return (F.cross_entropy(logits, y, reduction="none") * weight).mean()


class KerasAdam(torch.optim.AdamW):
    """Adam with Keras's constants and its place of epsilon, and decoupled weight decay.

    Keras adds epsilon to the root of the second moment before its bias is corrected, torch after:
    an epsilon of ``eps / sqrt(1 - beta2 ** t)`` at step t makes them the same. Where gradients
    are tiny the difference shows.

    Parameters
    ----------
    params : iterable of torch.nn.Parameter
    lr : float
        Learning rate.
    weight_decay : float
        Share of ``lr`` by which weights shrink at each step.
    eps : float
        Epsilon, in Keras's place.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import KerasAdam, train_step
    >>> net = EEGNet(n_chans=4, n_times=64, n_outputs=2)
    >>> optimizer = KerasAdam(net.parameters(), lr=1e-3)
    >>> X, y = torch.randn(8, 4, 64), torch.arange(8) % 2
    >>> loss, logits = train_step(net, optimizer, X, y, torch.ones(8))
    """

    def __init__(self, params, lr, weight_decay=0.0, eps=ADAM_EPS):
        super().__init__(params, lr=lr, weight_decay=weight_decay, eps=eps, fused=True)

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; leaner than torch's own, which would take a tenth of a training step.

        Parameters
        ----------
        closure : callable | None
            Evaluates the loss anew, with gradients.

        Returns
        -------
        loss : object
            What ``closure`` returns; None without.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # set by a GradScaler, to divide gradients by, and to leave out steps that overflow
        grad_scale, overflow = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        for group in self.param_groups:
            by_age = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    if not self.state[p]:
                        self.state[p] = {
                            "step": torch.zeros((), device=p.device),
                            "exp_avg": torch.zeros_like(p),
                            "exp_avg_sq": torch.zeros_like(p),
                            "n_steps": 0,
                        }
                    by_age[self.state[p]["n_steps"]].append(p)
            for n_steps, params in by_age.items():
                states = [self.state[p] for p in params]
                beta1, beta2 = group["betas"]
                adamw(
                    params,
                    [p.grad for p in params],
                    [state["exp_avg"] for state in states],
                    [state["exp_avg_sq"] for state in states],
                    [],
                    [state["step"] for state in states],
                    fused=True,
                    amsgrad=False,
                    maximize=False,
                    beta1=beta1,
                    beta2=beta2,
                    lr=group["lr"],
                    weight_decay=group["weight_decay"],
                    eps=group["eps"] / math.sqrt(1 - beta2 ** (n_steps + 1)),
                    grad_scale=grad_scale,
                    found_inf=overflow,
                )
                if overflow is None or not overflow:
                    for state in states:
                        state["n_steps"] = n_steps + 1
        return loss


def is_of(state, optimizer):
    """Whether an optimiser's state is of such parameters as it has now.

    Layers may have been changed since: the averages are then of other weights, and torch would
    read beyond them.

    Parameters
    ----------
    state : dict
        From ``state_dict`` of such an optimiser.
    optimizer : torch.optim.Optimizer

    Returns
    -------
    fits : bool
    """
    params = [p for group in optimizer.param_groups for p in group["params"]]
    n_before = sum(len(group["params"]) for group in state["param_groups"])
    return n_before == len(params) and all(
        known["exp_avg"].shape == params[i].shape for i, known in state["state"].items()
    )


_loading = threading.RLock()
if hasattr(os, "register_at_fork"):
    # a process that is forked meanwhile would wait for the modules' locks for ever
    os.register_at_fork(
        before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
    )


@cache
def load_libraries():
    """Let torch load what it loads at the first training, hundreds of modules that take seconds.

    In a thread, which Ctrl-C does not end: half of them loaded, torch could not train any more.
    """

    def begin_training():
        with _loading:
            layer = torch.nn.utils.skip_init(torch.nn.Linear, 1, 1)
            KerasAdam(layer.parameters(), lr=1).zero_grad()

    thread = threading.Thread(target=begin_training)
    thread.start()
    thread.join()


def train_step(net, optimizer, X, y, weight, statistics=None):
    """One step of the optimiser, then the projection onto the max-norm balls.

    Parameters
    ----------
    net : EEGNet
        In training mode.
    optimizer : torch.optim.Optimizer
    X : torch.Tensor, shape (B, n_chans, n_times)
    y : torch.Tensor of int, shape (B,)
    weight : torch.Tensor, shape (B,)
    statistics : tuple of torch.Tensor | None
        Of ``X``, as ``EEGNet.forward`` takes them.

    Returns
    -------
    loss : torch.Tensor, shape ()
        Before the step.
    logits : torch.Tensor, shape (B, n_outputs)
        Before the step.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import KerasAdam, train_step
    >>> net = EEGNet(n_chans=4, n_times=64, n_outputs=2)
    >>> X, y = torch.randn(8, 4, 64), torch.arange(8) % 2
    >>> optimizer = KerasAdam(net.parameters(), lr=1e-3)
    >>> loss, logits = train_step(net, optimizer, X, y, torch.ones(8))
    >>> logits.shape
    torch.Size([8, 2])
    """
    loss, logits = _take_gradients(net, optimizer, X, y, weight, statistics)
    optimizer.step()
    net.project_()
    return loss.detach(), logits.detach()


def centred_step(net, optimizer, X, y, weight, statistics=None):
    """One step like :func:`train_step`, the classifier's inputs being centred for the optimiser.

    A start keeps the second ELU on its line by a large offset of normalisation 3, by which each
    step of the classifier's rows would move the logits of all trials. The optimiser is given the
    same network with the rows on centred inputs and the logits at their centre for a bias; the
    inputs' mean is the ELU of the offset.

    Parameters
    ----------
    net, optimizer, X, y, weight, statistics
        As in :func:`train_step`.

    Returns
    -------
    loss, logits
        As from :func:`train_step`.
    """
    classifier, offset = net.classifier, net.separable_norm.bias

    def mean_inputs():
        return F.elu(offset).repeat_interleave(classifier.in_features // len(offset))

    loss, logits = _take_gradients(net, optimizer, X, y, weight, statistics)
    with torch.no_grad():
        before = classifier.weight @ mean_inputs()
        if classifier.weight.grad is not None and classifier.bias.grad is not None:
            classifier.weight.grad -= torch.outer(classifier.bias.grad, mean_inputs())
        optimizer.step()
        net.project_()
        classifier.bias += before - classifier.weight @ mean_inputs()
    return loss.detach(), logits.detach()


def _take_gradients(net, optimizer, X, y, weight, statistics):
    # torch's zero_grad would take a fiftieth of a step
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None
    logits = net(X, statistics)
    loss = weighted_loss(logits, y, weight)
    loss.backward()
    return loss, logits


def renew_normalisations(net, batches):
    """Take the running statistics of the weights as they are, as the mean over the batches.

    The trials are not augmented; dropout draws as in training, and as in training is part of what
    is normalised, but from a generator of its own.

    Parameters
    ----------
    net : EEGNet
    batches : eegsep.training.Batches

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import Batches, Trials, renew_normalisations
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 64)).astype(np.float32)
    >>> trials = Trials(X, np.arange(20), np.zeros(4), np.ones(4), torch.device("cpu"))
    >>> net = EEGNet(n_chans=4, n_times=64, n_outputs=2)
    >>> batches = Batches(net, trials, torch.arange(20) % 2, torch.ones(20), batch_size=8,
    ...                   generator=torch.Generator().manual_seed(0))
    >>> renew_normalisations(net, batches)
    """
    generator = torch.Generator(next(net.parameters()).device).manual_seed(0)
    with drawing_from(net, generator):
        update_bn(batches.as_they_are(), net)


def set_momentum(net, momentum):
    """Set the momentum of all batch normalisations, None for the mean over all batches."""
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = momentum


def evaluate(net, trials):
    """Logits of all trials with the running statistics and no dropout, in bounded memory.

    Parameters
    ----------
    net : EEGNet
    trials : eegsep.training.trials.Trials

    Returns
    -------
    logits : torch.Tensor, shape (n_trials, n_outputs)

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import Trials, evaluate
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 64)).astype(np.float32)
    >>> trials = Trials(X, np.arange(20), np.zeros(4), np.ones(4), torch.device("cpu"))
    >>> evaluate(EEGNet(n_chans=4, n_times=64, n_outputs=2), trials).shape
    torch.Size([20, 2])
    """
    if _is_anywhere_in_training(net):
        net.eval()
    dtype = next(net.parameters()).dtype
    if dtype not in (torch.float32, torch.float64):
        # weights of 16 bits, in whose arithmetic convolutions on a CPU take minutes
        net, dtype = copy.deepcopy(net).float(), torch.float32
    # of the largest arrays: the input filtered by each temporal filter, or a few as wide as it
    width = net.F1 * net.n_chans
    if net.algorithm == "spatial_first":
        width = 4 * max(net.n_chans, net.spatial.weight.numel() // net.n_chans**2)
    step = max(1, EVALUATION_BYTES // (4 * width * net.n_times))
    with torch.no_grad():
        parts = torch.arange(len(trials)).split(step)
        logits = [net(trials.batch(part).to(dtype)) for part in parts]
        return logits[0] if len(logits) == 1 else torch.cat(logits)


def _is_anywhere_in_training(net):
    # torch's walk over modules takes as long as a layer of a single window
    return net.training or any(map(_is_anywhere_in_training, filter(None, net._modules.values())))


@dataclass
class TrainingState:
    """Where a training is: what hooks get to see, and what :func:`train` returns.

    Attributes
    ----------
    net : torch.nn.Module
        In training mode during steps; hooks may have left it in another one between epochs.
    optimizer : torch.optim.Optimizer
    max_epochs : int
        Epochs after which training ends.
    epoch : int
        Number of the epoch, from 1; 0 before.
    step : int
        Steps taken since training began.
    batch : object
        The last step's; None between epochs.
    output : object
        What the last step returned; None between epochs. Of :func:`train_step`, the loss and the
        logits, on the network's device: turning them into numbers at each step would let a GPU
        wait.
    record : dict
        Of the epoch, by name: numbers, and tensors of one number on the network's device, which
        :meth:`read` turns into numbers.
    history : list of dict
        The records of the epochs before.
    stop : bool
        Set to True to end the training.

    Examples
    --------
    >>> import torch
    >>> from eegsep import EEGNet
    >>> from eegsep.training import train
    >>> net = EEGNet(n_chans=4, n_times=64, n_outputs=2)
    >>> def step(net, optimizer, x, y):
    ...     return torch.nn.functional.cross_entropy(net(x), y).detach()
    >>> batches = [(torch.randn(8, 4, 64), torch.arange(8) % 2)]
    >>> optimizer = torch.optim.Adam(net.parameters())
    >>> state = train(net, batches, step, optimizer=optimizer, max_epochs=2)
    >>> state.epoch, state.step
    (2, 2)
    """

    net: torch.nn.Module
    optimizer: torch.optim.Optimizer
    max_epochs: int
    epoch: int = 0
    step: int = 0
    batch: Any = None
    output: Any = None
    record: dict = field(default_factory=dict)
    history: list = field(default_factory=list)
    stop: bool = False

    def read(self):
        """Turn tensors in the record into numbers, all in one transfer; return the record."""
        tensors = {k: v for k, v in self.record.items() if isinstance(v, torch.Tensor)}
        if tensors:
            values = torch.stack([tensor.detach() for tensor in tensors.values()]).tolist()
            self.record.update(zip(tensors, values, strict=True))
        return self.record


def epochs(state, batches, step, hooks=()):
    """Train epoch by epoch: :func:`train`, in which the caller may pause.

    Parameters
    ----------
    state : TrainingState
        At its beginning.
    batches, step, hooks
        As in :func:`train`.

    Yields
    ------
    state : TrainingState
        After each epoch.
    """

    def tell(event):
        for hook in hooks:
            getattr(hook, event)(state)

    tell("on_train_begin")
    while state.epoch < state.max_epochs and not state.stop:
        state.epoch, state.record = state.epoch + 1, {}
        tell("on_epoch_begin")
        state.net.train()
        for state.batch in batches:
            state.output = step(state.net, state.optimizer, *state.batch)
            state.step += 1
            tell("on_step_end")
            if state.stop:
                break
        state.batch = state.output = None
        tell("on_epoch_end")
        state.history.append(state.read())
        yield state
    state.net.eval()
    tell("on_train_end")


def train(net, batches, step, hooks=(), *, optimizer, max_epochs):
    """Train a network.

    Parameters
    ----------
    net : torch.nn.Module
    batches : iterable of tuple
        Gone through once an epoch: :class:`eegsep.training.Batches`, a ``DataLoader``, a list.
    step : callable
        Called as ``step(net, optimizer, *batch)``, takes a step of the optimiser;
        :func:`train_step` for :class:`eegsep.training.Batches`.
    hooks : sequence of eegsep.training.hooks.Hook
        Called in their order.
    optimizer : torch.optim.Optimizer
    max_epochs : int

    Returns
    -------
    state : TrainingState
        At the end; ``state.history`` has a record an epoch, with what hooks put there.

    Examples
    --------
    A loop of one's own needs none of this, but the projection after each step:

    >>> import torch
    >>> from eegsep import EEGNet
    >>> net = EEGNet(n_chans=22, n_times=512, n_outputs=4)
    >>> optimizer = torch.optim.Adam(net.parameters())
    >>> batches = [(torch.randn(16, 22, 512), torch.randint(4, (16,))) for _ in range(3)]
    >>> for x, y in batches:
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.cross_entropy(net(x), y).backward()
    ...     optimizer.step()
    ...     net = net.project_()

    The same step here, where hooks can watch it:

    >>> from eegsep.training.hooks import Duration
    >>> from eegsep.training import train
    >>> def step(net, optimizer, x, y):
    ...     optimizer.zero_grad()
    ...     loss = torch.nn.functional.cross_entropy(net(x), y)
    ...     loss.backward()
    ...     optimizer.step()
    ...     net.project_()
    ...     return loss.detach()
    >>> state = train(net, batches, step, [Duration()], optimizer=optimizer, max_epochs=2)
    >>> state.step, [list(record) for record in state.history]
    (6, [['dur'], ['dur']])
    """
    state = TrainingState(net, optimizer, max_epochs)
    for _ in epochs(state, batches, step, hooks):
        pass
    return state
