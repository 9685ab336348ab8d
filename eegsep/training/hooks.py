"""Hooks of a training: the protocol, and those that the classifier trains with.

A hook sees each step and epoch of :func:`eegsep.training.train`, and can end the training.
"""

from __future__ import annotations

import copy
import math
import time

import torch
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
)
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn

from .loop import DIVERGED, evaluate, renew_normalisations, weighted_loss

# Largest share of the past in a moving average of weights, and how it gets there:
# (1 + n) / (10 + n) after n steps, as in TensorFlow.
EMA_DECAY = 0.999
# Share of the epochs before those whose weights stochastic weight averaging takes.
SWA_START = 0.75


class Hook:
    """What is called while a network trains; inherit from it, and override what is needed.

    Each method takes a :class:`eegsep.training.TrainingState`, with ``net``, ``optimizer``,
    ``epoch``, ``step``, ``batch``, ``output``, ``record`` and ``history``. Setting
    ``state.stop = True`` ends the training: after the step in ``on_step_end``, after the epoch in
    ``on_epoch_end``, before the first in ``on_train_begin``.

    Examples
    --------
    >>> from eegsep.training.hooks import Hook
    >>> class StopAtLoss(Hook):
    ...     def __init__(self, loss):
    ...         self.loss = loss
    ...
    ...     def on_epoch_end(self, state):
    ...         if state.read()["train_loss"] < self.loss:
    ...             state.stop = True
    >>> from eegsep import EEGNetClassifier
    >>> clf = EEGNetClassifier(callbacks=[StopAtLoss(0.1)])
    """

    def on_train_begin(self, state):
        """Before the first epoch."""

    def on_epoch_begin(self, state):
        """Before the first step of each epoch, ``state.record`` being empty."""

    def on_step_end(self, state):
        """After each step of the optimiser, the network being in training mode."""

    def on_epoch_end(self, state):
        """After the last step of each epoch; what is put in ``state.record`` is kept."""

    def on_train_end(self, state):
        """After the last epoch, the network being in inference mode. Not after an error."""


class TrainingScores(Hook):
    """Records ``train_loss`` and ``train_accuracy``, as they stood when each batch was visited.

    Weighted means over the trials visited, of what :func:`eegsep.training.train_step` returns. They
    stay on the device, and are taken once an epoch: at each step they would be a fiftieth of it.
    """

    def on_epoch_begin(self, state):
        """Begin with nothing."""
        self._visited = []

    def on_step_end(self, state):
        """Add a batch."""
        _, y, weight, _ = state.batch
        self._visited.append((*state.output, y, weight))

    def on_epoch_end(self, state):
        """Record the means."""
        losses, logits, y, weight = zip(*self._visited, strict=True)
        self._visited = []
        y, weight, device = torch.cat(y), torch.cat(weight), weight[0].device
        dtype = torch.float32 if device.type == "mps" else torch.float64
        sizes = torch.tensor([len(batch) for batch in logits], dtype=dtype, device=device)
        hits = (torch.cat(logits).argmax(1) == y) * weight
        state.record["train_loss"] = (torch.stack(losses).to(dtype) * sizes).sum() / len(y)
        state.record["train_accuracy"] = hits.to(dtype).sum() / weight.to(dtype).sum()


class Duration(Hook):
    """Records ``dur``, the seconds that an epoch takes with the hooks before this one."""

    def on_epoch_begin(self, state):
        """Look at the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, state):
        """Look again, when the device has done its work."""
        state.read()
        state.record["dur"] = time.perf_counter() - self._start


class Finite(Hook):
    """Raises FloatingPointError where the loss, or a weight in the end, is not finite."""

    def on_epoch_end(self, state):
        """Look at the loss."""
        if not math.isfinite(state.read()["train_loss"]):
            raise FloatingPointError(DIVERGED)

    def on_train_end(self, state):
        """Look at weights and running statistics."""
        if not all(torch.isfinite(tensor).all() for tensor in state.net.state_dict().values()):
            raise FloatingPointError(DIVERGED)


class LearningRate(Hook):
    """Changes the learning rate at each step.

    Parameters
    ----------
    schedule : {"cosine", "one_cycle"} | callable
        As :class:`eegsep.EEGNetClassifier` takes it.
    n_steps : int
        Of the whole training, whether or not it ends before.
    """

    def __init__(self, schedule, n_steps):
        self._schedule, self._n_steps = schedule, n_steps

    def on_train_begin(self, state):
        """Make the schedule, unless there is no step to take."""
        if self._n_steps == 0:
            return
        make = _SCHEDULES.get(self._schedule, self._schedule)
        self._scheduler = make(state.optimizer, self._n_steps)
        by_step = isinstance(self._scheduler, LRScheduler)
        if not by_step or isinstance(self._scheduler, ReduceLROnPlateau):
            raise TypeError(
                "lr_schedule must return one of torch.optim.lr_scheduler's schedulers that go by "
                f"steps, got {type(self._scheduler).__name__}"
            )

    def on_step_end(self, state):
        """Set the next step's learning rate."""
        if state.step < self._n_steps:
            self._scheduler.step()


_SCHEDULES = {
    "cosine": lambda optimizer, n_steps: CosineAnnealingLR(optimizer, n_steps),
    "one_cycle": lambda optimizer, n_steps: OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], n_steps
    ),
}


def _moving_average(averaged, current, n_averaged):
    decay = min(EMA_DECAY, (1 + n_averaged) / (10 + n_averaged))
    get_ema_multi_avg_fn(decay)(averaged, current, n_averaged)


AVERAGES = {"ema": _moving_average, "swa": get_swa_multi_avg_fn()}


class FinalNetwork(Hook):
    """Ends a training with averaged weights, and running statistics of the final network.

    Parameters
    ----------
    batches : eegsep.training.Batches
        Trials to take the running statistics of.
    averaging : {"ema", "swa"} | None
        Average of the weights after each step, or after each of the last epochs; None for the
        weights as they are.
    max_epochs : int
        Of the whole training, whether or not it ends before.
    """

    def __init__(self, batches, averaging, max_epochs):
        self._batches, self._averaging = batches, averaging
        self._swa_start = SWA_START * max_epochs
        self._mean, self._n_averaged, self._begun = None, 0, False

    def on_step_end(self, state):
        """Take the weights into the moving average."""
        self._begun = True
        if self._averaging == "ema":
            self._take(state.net)

    def on_epoch_end(self, state):
        """Take the weights of one of the last epochs into the mean."""
        if self._averaging == "swa" and state.epoch > self._swa_start:
            self._take(state.net)

    @torch.no_grad()
    def _take(self, net):
        current = [p.detach() for p in net.parameters()]
        if self._mean is None:
            self._mean = [p.clone() for p in current]
        else:
            AVERAGES[self._averaging](self._mean, current, self._n_averaged)
        self._n_averaged += 1

    @torch.no_grad()
    def network(self, net):
        """Return what the training would end with now, as a copy.

        Parameters
        ----------
        net : EEGNet
            In training; left as it is.

        Returns
        -------
        final : EEGNet
            The start itself where no step was taken.
        """
        final = copy.deepcopy(net)
        if not self._begun:
            return final
        if self._mean is not None:
            for p, mean in zip(final.parameters(), self._mean, strict=True):
                p.copy_(mean)
            final.project_()  # kernels of low rank are products, whose balls are not convex
        renew_normalisations(final, self._batches)
        return final

    def on_train_end(self, state):
        """Take over the averages, where a step was taken."""
        if self._begun:
            state.net.load_state_dict(self.network(state.net).state_dict())


class EarlyStopping(Hook):
    """Watches validation trials, and ends with the weights that served them best.

    Records ``valid_loss``, ``valid_accuracy`` and ``valid_best``.

    Parameters
    ----------
    trials : eegsep.training.trials.Trials
        n_valid windows.
    y : torch.Tensor of int, shape (n_valid,)
    weight : torch.Tensor, shape (n_valid,)
        With mean 1.
    patience : int | None
        Epochs without a better loss after which to stop; None never stops.
    final : FinalNetwork | None
        Where training ends with other weights than those it is at.
    """

    def __init__(self, trials, y, weight, patience=None, final=None):
        self._trials, self._y, self._weight = trials, y, weight
        self._patience, self._final = patience, final
        self._best_loss, self._best, self._waited = math.inf, None, 0

    def on_epoch_end(self, state):
        """Evaluate the network, and keep it if it is the best so far."""
        net = state.net if self._final is None else self._final.network(state.net)
        logits = evaluate(net, self._trials)
        hits = (logits.argmax(1) == self._y) * self._weight
        state.record["valid_loss"] = weighted_loss(logits, self._y, self._weight)
        state.record["valid_accuracy"] = hits.sum() / self._weight.sum()
        loss = state.read()["valid_loss"]
        self._waited = 0 if loss < self._best_loss else self._waited + 1
        state.record["valid_best"] = self._waited == 0
        if self._waited == 0:
            self._best_loss = loss
            self._best = copy.deepcopy((net.state_dict(), state.optimizer.state_dict()))
        if self._patience is not None and self._waited >= self._patience:
            state.stop = True

    def on_train_end(self, state):
        """Go back to the best network, and to its optimiser."""
        if self._best is not None:
            state.net.load_state_dict(self._best[0])
            state.optimizer.load_state_dict(self._best[1])
