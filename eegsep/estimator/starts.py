"""What a fit does with a network's start: find it, choose how far to go from it, add to it.

Trials that are left out of trainings like those of the fit say how long to train, how sharp the
probabilities are to be, which the last layer's weights then are, and what a second network adds.
"""

from __future__ import annotations

import numpy as np
import torch

from eegsep.network import initialisation
from eegsep.network.initialisation import find_temperature
from eegsep.network.initialisation.log_odds import are_surely_less, cross_entropies
from eegsep.training import holdout, loop

from . import epoch_choice

# Trials from which on some are left out to tell how far to go from a start.
ENOUGH_TRIALS = 100
# Trials that are enough to leave out for it.
ENOUGH_LEFT_OUT = 200

# Variance of a trial that is flat but for rounding, where 1 is usual.
_STILL = 1e-12


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
        Of the trials in the order of their values; None for weights drawn at random.

    Raises
    ------
    ValueError
        If a start is asked for and there can be none.
    """
    init = trainer.params.init
    if init == "glorot":
        return None
    # in an order that knows no labels, as the features know none
    X, index, y, weight, _ = training_set.part(training_set.order_of_values())
    reason = initialisation.why_no_start(net, y[weight > 0])
    scaled = None if reason else trainer.scaled(X, index)
    if not reason and not (scaled.var(axis=2) > _STILL).any(axis=1).all():
        reason = "there are flat trials"
    if reason is None:
        return initialisation.best_features(net, scaled, y, weight, sfreq, init, mirror)
    if init == "auto":
        return None
    raise ValueError(f'init={init!r} is not possible: {reason}. Set init="auto".')


def mirror_of_other_class(features, training_set):
    """Return positions of channels' mirror images, if that of a trial is of the other class.

    Parameters
    ----------
    features : eegsep.network.initialisation.Features
    training_set : TrainingSet

    Returns
    -------
    mirror : ndarray of int, shape (n_chans,) | None
    """
    y = training_set.y[training_set.order_of_values()]
    return features.mirror_of_other_class(np.eye(y.max() + 1)[y])


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
        None where there is too little to leave out, but for a network that is to keep to its start
        then: that takes no epoch.
    """
    n_parts, n_trials = epoch_choice.N_FOLDS, len(training_set.y)
    if pace.leaves_start and trainer.params.early_stopping != "cv":
        enough = n_trials >= ENOUGH_LEFT_OUT * epoch_choice.N_FOLDS
        n_parts = 0 if n_trials < ENOUGH_TRIALS else 1 if enough else 2
    splits = parts(training_set, trainer.seeds.held_out)[:n_parts] if n_parts else []
    if not splits:
        return epoch_choice.EpochChoice(0, 1.0, {}) if pace.leaves_start else None
    runs, left_out = [], []
    for kept, left in splits:
        if features is None:
            net = trainer.random_network()
        else:
            net = trainer.started_network(features, training_set, kept)
        runs.append(trainer.run(net, training_set.part(kept), pace))
        left_out.append((trainer.trials(training_set.X, training_set.index[left]), left))
    onehot = np.eye(trainer.network["n_outputs"])[training_set.y]
    choice = epoch_choice.choose_epochs(
        runs, left_out, onehot, training_set.weight, pace.max_epochs, leaves_start=pace.leaves_start
    )
    return choice._replace(splits=splits)


def second_network(trainer, training_set, choice, temperature, pace):
    """Train a network of random weights, if it adds to one that left a start.

    Both count alike if the mean of their log-odds serves trials that are left out of trainings like
    theirs surely better than the one that left a start does.

    Parameters
    ----------
    trainer : Trainer
    training_set : TrainingSet
    choice : eegsep.estimator.epoch_choice.EpochChoice
        Of the one that left a start.
    temperature : float
        What its logits have been multiplied by since.
    pace : Pace
        By which it did.

    Returns
    -------
    second : EEGNet | None
        None where it adds nothing, or there are too few trials to tell.
    temperature : float
        What the mean of the logits is to be multiplied by.

    Raises
    ------
    FloatingPointError
        If its training diverges.
    """
    n_trials, usual = len(training_set.y), trainer.pace_beside(pace)
    is_enough = n_trials >= ENOUGH_LEFT_OUT * epoch_choice.N_FOLDS and usual.max_epochs > 0
    if not choice.splits or not is_enough:
        return None, 1.0

    def drawn(training_set):
        run = trainer.run(trainer.random_network(), training_set, usual)
        run.train(usual.max_epochs)
        net = run.network()
        if not all(torch.isfinite(values).all() for values in net.state_dict().values()):
            raise FloatingPointError(loop.DIVERGED)
        return net

    logits = []
    for kept, left in choice.splits:
        left_out = trainer.trials(training_set.X, training_set.index[left])
        logits.append(loop.evaluate(drawn(training_set.part(kept)), left_out).double().cpu())
    seen = np.concatenate([left for _, left in choice.splits])
    onehot = np.eye(trainer.network["n_outputs"])[training_set.y[seen]]
    weight, alone = training_set.weight[seen], temperature * choice.logits
    both = (alone + torch.cat(logits).numpy()) / 2
    both -= both.mean(axis=1, keepdims=True)
    temperature, *_ = find_temperature(both, onehot, weight, with_bias=False)
    losses = [cross_entropies(each, onehot) for each in (temperature * both, alone)]
    if not are_surely_less(*losses, weight):
        return None, 1.0
    return drawn(training_set), temperature


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

    Returns
    -------
    factor : float
        The one that was allowed.
    """
    dense = net.classifier
    largest = float(dense.weight.norm(dim=1).max())
    if bound is not None and factor > 1 and largest > 0:
        factor = min(factor, max(1.0, bound / largest))
    dense.weight.mul_(factor)
    dense.bias.mul_(factor)
    return factor
