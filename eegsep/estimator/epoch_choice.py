"""How many epochs to train, and how sharp the probabilities are to be, from the training trials.

Networks, with a start or without, are trained on all but a part of the trials each, and watched on
that part; ``starts.py`` says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from eegsep.network.initialisation import find_temperature
from eegsep.network.initialisation.log_odds import cross_entropies
from eegsep.training import loop

N_FOLDS = 4
# Epochs after which the left-out trials are looked at.
CHECKED = (0, 5, 10, 20, 30, 50, 75, 100, 150, 200, 250, 300)
# Epochs without a better loss after which no more are tried.
PATIENCE = 100
# More epochs have to be better by this much, in nats.
LEAST_GAIN = 0.01
# Looks at the left-out trials on the way from a start, and those without a better loss to end at.
N_LOOKS, N_WORSE = 20, 5


class EpochChoice(NamedTuple):
    """What left-out trials say.

    ``n_epochs`` is the least number of epochs whose loss is within ``LEAST_GAIN`` of the best, or,
    away from a start, that of the best. By ``temperature`` logits after so many epochs are to be
    multiplied. ``losses`` has the loss of the left-out trials for each number of epochs, after
    their best temperature but away from a start, and ``logits``, (n_left_out, n_classes), those
    after ``n_epochs``, part by part, before the temperature. ``splits`` are positions of the trials
    that were trained on, and of those left out.
    """

    n_epochs: int
    temperature: float
    losses: dict
    logits: np.ndarray | None = None
    splits: Sequence = ()


class Run:
    """A network in training, a few epochs at a time.

    It takes at most ``max_epochs``, with batches, step and hooks as :func:`eegsep.training.train`
    takes them; ``dropout_generator`` is on the network's device. ``final`` is one of the hooks,
    where the network is to be judged by what training would end with.
    """

    def __init__(
        self, net, optimizer, batches, step, hooks, dropout_generator, max_epochs, final=None
    ):
        self._net, self._final = net, final
        self._dropout_generator = dropout_generator
        state = loop.TrainingState(net, optimizer, max_epochs)
        self._epochs = loop.epochs(state, batches, step, hooks)

    def train(self, n_epochs):
        """Train for some more epochs."""
        with loop.drawing_from(self._net, self._dropout_generator):
            for _ in range(n_epochs):
                next(self._epochs)

    def network(self):
        """Return the network as training would leave it if it ended now."""
        return self._net if self._final is None else self._final.network(self._net)

    def logits(self, trials):
        """Evaluate other trials."""
        return loop.evaluate(self.network(), trials).double().cpu().numpy()


def folds(y, groups, seed):
    """Split trials by class, as nearly into ``N_FOLDS`` parts as the smallest class allows.

    Class indices ``y`` and ``groups``, which stay together, are of shape (n_trials,). Returns the
    positions of the trials to train on, of all classes, and of those left out, part by part: none
    where there are too few groups.
    """
    present = np.unique(y)
    n_folds = min(N_FOLDS, *(len(np.unique(groups[y == label])) for label in present))
    if n_folds < 2:
        return []
    if len(np.unique(groups)) == len(y):  # exactly by class, which groups cannot be
        kind, groups = StratifiedKFold, None
    else:
        kind = StratifiedGroupKFold
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    splits = list(splitter.split(np.zeros((len(y), 1)), y, groups))
    if any(len(np.unique(y[kept])) < len(present) or not len(left) for kept, left in splits):
        return []
    return splits


def choose_epochs(runs, left_out, onehot, weight, max_epochs, *, leaves_start=False):
    """Train networks side by side, and find the number of epochs that serves what they left out.

    There is one of ``runs`` for each part of the trials, trained on the others; ``left_out`` has
    the parts as Trials and their positions, ``onehot`` is (n_trials, n_classes), ``weight``
    (n_trials,), and ``leaves_start`` tells whether the networks hold starts that training leads
    away from. Returns an EpochChoice.
    """
    every = max(1, max_epochs // N_LOOKS)
    checked = {*CHECKED, *range(CHECKED[-1], max_epochs, 50), max_epochs}
    patience, least_gain = PATIENCE, LEAST_GAIN
    if leaves_start:
        checked, patience, least_gain = {*range(0, max_epochs + 1, every)}, N_WORSE * every, 0.0
    seen = np.concatenate([index for _, index in left_out])
    onehot, weight = onehot[seen], weight[seen]
    losses, temperatures, all_logits, trained = {}, {}, {}, 0
    for n_epochs in sorted(n for n in checked if n <= max_epochs):
        for run in runs:
            run.train(n_epochs - trained)
        trained = n_epochs
        logits = np.concatenate(
            [run.logits(trials) for run, (trials, _) in zip(runs, left_out, strict=True)]
        )
        logits -= logits.mean(axis=1, keepdims=True)
        all_logits[n_epochs] = logits
        temperatures[n_epochs], _, loss = find_temperature(logits, onehot, weight, with_bias=False)
        if leaves_start:  # unbounded sharpness is a sign of having gone too far
            loss = np.average(cross_entropies(logits, onehot), weights=weight)
        losses[n_epochs] = loss
        if n_epochs - min(losses, key=losses.get) >= patience:
            break
    least = min(losses.values()) + least_gain
    n_epochs = next(n for n, loss in losses.items() if loss <= least)
    return EpochChoice(n_epochs, temperatures[n_epochs], losses, all_logits[n_epochs])
