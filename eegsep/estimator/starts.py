"""What a fit does with a network's start: find it, train what keeps to it, and join or choose.

Trials that are left out of trainings like those of the fit say how long to train, how sharp the
probabilities are to be, and whether a network of random weights adds to one that holds a start.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from eegsep.network import initialisation
from eegsep.network.eegnet import EEGNet
from eegsep.network.side_by_side import side_by_side, surely_adds
from eegsep.training import holdout, hooks, loop

from . import epoch_choice

# What the number of epochs of a network that keeps to its start is divided by, the steps being
# larger as much, where another network takes all of them.
FEWER_EPOCHS = 15
# Trials from which on a network of random weights is trained beside one that holds a start.
ENOUGH_TRIALS = 100
# Trials, left out of one training, that tell whether the other adds to it.
ENOUGH_LEFT_OUT = 200

# Variance of a trial that is flat but for rounding, where 1 is usual.
_STILL = 1e-12


class Joined(NamedTuple):
    """What became of a network that keeps to its start and one of random weights.

    Attributes
    ----------
    module : EEGNet
        Both side by side, or that of the start.
    drawn_share : float
        Share of the one of random weights in the logits.
    temperature : float
        What the logits are to be multiplied by.
    """

    module: EEGNet
    drawn_share: float
    temperature: float


def find_features(trainer, net, training_set, sfreq, mirror):
    """Find what a start can be fitted on.

    Parameters
    ----------
    trainer : Trainer
    net : EEGNet
        Which is to hold it.
    training_set : TrainingSet
    sfreq : float
        Sampling rate in Hz.
    mirror : ndarray of int, shape (n_chans,) | None
        Position of each channel's mirror image.

    Returns
    -------
    features : eegsep.network.initialisation.Features | None
        None for weights drawn at random.

    Raises
    ------
    ValueError
        If a start is asked for and there can be none.
    """
    init, (X, index, y, weight, _) = trainer.params.init, training_set
    if init == "glorot":
        return None
    reason = initialisation.why_no_start(net, y[weight > 0])
    scaled = None if reason else trainer.scaled(X, index)
    if not reason and not (scaled.var(axis=2) > _STILL).any(axis=1).all():
        reason = "there are flat trials"
    if reason is None:
        return initialisation.best_features(net, scaled, y, weight, sfreq, init, mirror)
    if init == "auto":
        return None
    raise ValueError(f'init={init!r} is not possible: {reason}. Set init="auto".')


def has_second_network(params, n_trials):
    """Whether a network of random weights is trained where there is a start.

    Parameters
    ----------
    params : types.SimpleNamespace
        The classifier's parameters.
    n_trials : int

    Returns
    -------
    has_one : bool
    """
    return params.init == "auto" and params.max_epochs > 0 and n_trials >= ENOUGH_TRIALS


def parts(training_set, seed):
    """Split trials into those to train on and those left out, some four times.

    Parameters
    ----------
    training_set : TrainingSet
    seed : int

    Returns
    -------
    splits : list of (ndarray, ndarray)
        As :func:`eegsep.estimator.epoch_choice.folds` returns them.
    """
    X, index, y, _, groups = training_set
    if groups is None:
        groups, _ = holdout.overlapping(X, index)
    return epoch_choice.folds(y, groups, seed)


def choose_epochs(trainer, training_set, features, pace):
    """Find a number of epochs and a temperature.

    The networks of the parts begin as the one of all trials does, and the parts' starts share its
    features, which know no labels.

    Parameters
    ----------
    trainer : Trainer
    training_set : TrainingSet
    features : eegsep.network.initialisation.Features | None
        None for networks of random weights.
    pace : Pace

    Returns
    -------
    choice : eegsep.estimator.epoch_choice.EpochChoice | None
        None where there is too little to leave out.
    """
    splits = parts(training_set, trainer.seeds.held_out)
    if not splits:
        return None
    runs, left_out = [], []
    for kept, left in splits:
        if features is None:
            net = trainer.random_network()
        else:
            net = trainer.started_network(features, training_set, kept)
        runs.append(trainer.run(net, training_set.part(kept), pace))
        left_out.append((trainer.trials(training_set.X, training_set.index[left]), left))
    onehot = np.eye(trainer.network["n_outputs"])[training_set.y]
    return epoch_choice.choose_epochs(runs, left_out, onehot, training_set.weight, pace.max_epochs)


def join_start(trainer, training_set, features, trials, drawn, history):
    """Train a network that keeps to its start, and put it before, or in place of, another.

    Both count alike if trials that are left out of trainings like theirs say that the other
    adds to the start. How much it adds there is no guide: it learns more from more trials.

    Parameters
    ----------
    trainer : Trainer
    training_set : TrainingSet
    features : eegsep.network.initialisation.Features
    trials : tuple
        The set as :meth:`Trainer.on_device` returns it.
    drawn : EEGNet
        A network of random weights, trained.
    history : list of dict
        A record of each epoch of its training.

    Returns
    -------
    joined : Joined
    """
    X, index, y, weight, _ = training_set
    steady, usual = trainer.pace(holds_start=True), trainer.pace(holds_start=False)
    n_epochs = steady.max_epochs // FEWER_EPOCHS
    steady = steady._replace(max_epochs=n_epochs, lr=steady.lr * FEWER_EPOCHS)
    start = trainer.started_network(features, training_set).to(trainer.device)
    order = torch.Generator().manual_seed(trainer.seeds.order)
    batches, of_weights, _ = trainer.prepare(start, trials, order, steady.max_epochs)
    loop.train(
        start,
        batches,
        steady.step,
        [*of_weights, hooks.TrainingScores(), hooks.Finite()],
        optimizer=trainer.optimizer(start, steady),
        max_epochs=steady.max_epochs,
    )
    best = [record["epoch"] for record in history if record.get("valid_best")]
    n_drawn = best[-1] if best else len(history)
    n_parts = 1 if len(y) >= ENOUGH_LEFT_OUT * epoch_choice.N_FOLDS else 2
    splits = parts(training_set, trainer.seeds.held_out)[:n_parts]
    n_classes = trainer.network["n_outputs"]
    logits = np.zeros((2, len(y), n_classes))
    for kept, left in splits:
        part, left_out = training_set.part(kept), trainer.trials(X, index[left])
        held = trainer.started_network(features, training_set, kept)
        trainings = (
            (held, steady, steady.max_epochs),
            (trainer.random_network(), usual, n_drawn),
        )
        for i, (net, pace, n_trained) in enumerate(trainings):
            run = trainer.run(net, part, pace)
            run.train(n_trained)
            logits[i, left] = run.logits(left_out)
    seen = np.concatenate([left for _, left in splits] or [np.zeros(0, int)])
    logits, onehot, weight = logits[:, seen], np.eye(n_classes)[y[seen]], weight[seen]
    if len(seen) and surely_adds(*logits, onehot, weight):
        module, share = side_by_side([start, drawn], (0.5, 0.5)), 0.5
        logits = logits.mean(axis=0)
    else:
        module, share, logits = start.eval(), 0.0, logits[0]
    temperature = 1.0
    if len(seen) and trainer.params.early_stopping == "cv":
        logits = logits - logits.mean(axis=1, keepdims=True)
        temperature, *_ = initialisation.find_temperature(logits, onehot, weight, with_bias=False)
    return Joined(module, share, temperature)


@torch.no_grad()
def scale_logits(net, factor, bound):
    """Make probabilities as sharp as they ought to be.

    Parameters
    ----------
    net : EEGNet
    factor : float
        What to multiply logits by.
    bound : float | None
        On the norm of each of the classifier's rows, which then allows a smaller factor.
    """
    dense = net.classifier
    if bound is not None and factor > 1:
        factor = min(factor, max(1.0, bound / float(dense.weight.norm(dim=1).max())))
    dense.weight.mul_(factor)
    dense.bias.mul_(factor)
