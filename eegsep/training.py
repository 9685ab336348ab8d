"""Training one network: batches, optimiser step, max-norm projection, early stopping, history.

It knows tensors and trials, not labels, Epochs or scikit-learn.
"""

from __future__ import annotations

import copy
import math
import os
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import cache

import torch
from torch.nn import functional as F
from torch.optim.adamw import adamw

from . import spatial_first
from .memory import give_back_freed_memory
from .network import Dropout

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
    for dropout in dropouts:
        dropout.generator = generator
    try:
        yield
    finally:
        for dropout in dropouts:
            dropout.generator = None


def split_into_batches(order, batch_size, smallest=1):
    """Split trials into batches as equal as can be, so that none is left out or tiny.

    Parameters
    ----------
    order : torch.Tensor of int, shape (n_trials,)
        Trials in the order to visit them.
    batch_size : int
        Largest size of a batch, unless ``smallest`` is larger.
    smallest : int
        Least number of trials in a batch (where there are as many).

    Returns
    -------
    batches : tuple of torch.Tensor
    """
    n_batches = math.ceil(len(order) / batch_size)
    n_batches = max(1, min(n_batches, len(order) // smallest))
    return torch.tensor_split(order, n_batches)


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
    """
    optimizer.zero_grad(set_to_none=True)
    logits = net(X, statistics)
    loss = weighted_loss(logits, y, weight)
    loss.backward()
    optimizer.step()
    net.project_()
    return loss.detach(), logits.detach()


def train_epoch(net, optimizer, trials, y, weight, *, batch_size, generator, statistics=None):
    """Visit every trial once, in random order.

    Parameters
    ----------
    net : EEGNet
    optimizer : torch.optim.Optimizer
    trials : eegsep.inputs.Trials
        n_trials windows.
    y : torch.Tensor of int, shape (n_trials,)
    weight : torch.Tensor, shape (n_trials,)
        With mean 1.
    batch_size : int
    generator : torch.Generator
        For the order of the trials.
    statistics : LagStatistics | None
        Of the trials, to train spatial-first; None for the published order.

    Returns
    -------
    loss, accuracy : float
        Weighted means over the trials, as they stood when each batch was visited.

    Raises
    ------
    FloatingPointError
        If the loss is no longer a finite number.
    ValueError
        If there is one trial only, with nothing to normalise it by.
    """
    net.train()
    order = torch.randperm(len(y), generator=generator)
    # normalisation needs two values a map, which one trial lacks when pooled to one sample
    smallest = 1 if net.n_times // net.pool1 > 1 else 2
    if len(y) < smallest:
        raise ValueError(
            "A single distinct trial that is pooled to one sample has no variance to normalise by. "
            "Give more trials."
        )
    loss = hits = 0.0
    for batch in split_into_batches(order, batch_size, smallest):
        batch = batch.to(y.device)
        known = None if statistics is None else statistics.of_batch(batch)
        X = trials.batch(batch)
        step_loss, logits = train_step(net, optimizer, X, y[batch], weight[batch], known)
        loss += float(step_loss) * len(batch)
        hits += float(((logits.argmax(1) == y[batch]) * weight[batch]).sum())
    if not math.isfinite(loss):
        raise FloatingPointError(DIVERGED)
    return loss / len(y), hits / float(weight.sum())


def evaluate(net, trials):
    """Logits of all trials with the running statistics and no dropout, in bounded memory.

    Parameters
    ----------
    net : EEGNet
    trials : eegsep.inputs.Trials

    Returns
    -------
    logits : torch.Tensor, shape (n_trials, n_outputs)
    """
    if any(layer.training for layer in net.modules()):
        net.eval()
    dtype = next(net.parameters()).dtype
    if dtype not in (torch.float32, torch.float64):
        # weights of 16 bits, in whose arithmetic convolutions on a CPU take minutes
        net, dtype = copy.deepcopy(net).float(), torch.float32
    # of the largest arrays: the input filtered by each temporal filter, or a few as wide as it
    width = net.F1 * net.n_chans
    if net.algorithm == "spatial_first":
        width = 4 * max(net.n_chans, net.spatial.weight[:, :, 0].numel() // net.n_chans)
    step = max(1, EVALUATION_BYTES // (4 * width * net.n_times))
    with torch.no_grad():
        parts = torch.arange(len(trials)).split(step)
        return torch.cat([net(trials.batch(part).to(dtype)) for part in parts])


def _keep_freed_memory():
    """Let the C library keep the memory of freed arrays for the next step's.

    glibc takes arrays above a threshold from the kernel and gives them back at once, and each
    step pays for fresh zeroed pages again, about a fifth of its time. The threshold rises, up to
    this size, when such an array is freed. Nothing is written here, so no memory is taken.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def train(
    net,
    optimizer,
    trials,
    y,
    weight,
    *,
    max_epochs,
    batch_size,
    generator,
    dropout_generator,
    valid=None,
    n_iter_no_change=None,
    on_epoch=None,
):
    """Train for some epochs; with validation trials, end with the weights that served them best.

    Parameters
    ----------
    net : EEGNet
    optimizer : torch.optim.Optimizer
    trials : eegsep.inputs.Trials
        n_trials windows.
    y : torch.Tensor of int, shape (n_trials,)
    weight : torch.Tensor, shape (n_trials,)
        With mean 1.
    max_epochs, batch_size : int
    generator : torch.Generator
        On the CPU, for the order of the trials.
    dropout_generator : torch.Generator
        On the network's device.
    valid : tuple of (Trials, Tensor, Tensor) | None
        Validation trials, classes and weights.
    n_iter_no_change : int | None
        Epochs without a better validation loss after which to stop; None never stops.
    on_epoch : callable | None
        Called with the record of each epoch.

    Returns
    -------
    history : list of dict
        A record an epoch: ``train_loss, train_accuracy``, with validation ``valid_loss,
        valid_accuracy, valid_best``, and ``dur`` in seconds.
    """
    history = []
    best_loss, best_state, waited = math.inf, None, 0
    statistics = None
    if net.algorithm == "spatial_first":
        statistics = spatial_first.LagStatistics(net.kernel_length, len(trials))
        for part in torch.arange(len(trials)).split(batch_size):
            statistics.add(trials.batch(part))
    # what the statistics took would lie beside what the steps take
    give_back_freed_memory()
    _keep_freed_memory()
    with drawing_from(net, dropout_generator):
        for _ in range(max_epochs):
            start = time.perf_counter()
            loss, accuracy = train_epoch(
                net,
                optimizer,
                trials,
                y,
                weight,
                batch_size=batch_size,
                generator=generator,
                statistics=statistics,
            )
            record = {"train_loss": loss, "train_accuracy": accuracy}
            if valid is not None:
                valid_trials, valid_y, valid_weight = valid
                logits = evaluate(net, valid_trials)
                valid_loss = float(weighted_loss(logits, valid_y, valid_weight))
                hits = (logits.argmax(1) == valid_y) * valid_weight
                waited = 0 if valid_loss < best_loss else waited + 1
                record["valid_loss"] = valid_loss
                record["valid_accuracy"] = float(hits.sum() / valid_weight.sum())
                record["valid_best"] = waited == 0
                if waited == 0:
                    best_loss = valid_loss
                    best_state = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
            record["dur"] = time.perf_counter() - start
            history.append(record)
            if on_epoch is not None:
                on_epoch(record)
            if valid is not None and n_iter_no_change is not None and waited >= n_iter_no_change:
                break
    if best_state is not None:
        net.load_state_dict(best_state[0])
        optimizer.load_state_dict(best_state[1])
    if not all(torch.isfinite(tensor).all() for tensor in net.state_dict().values()):
        raise FloatingPointError(DIVERGED)
    net.eval()
    return history
