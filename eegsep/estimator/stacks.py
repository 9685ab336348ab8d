"""Fits of several classifiers whose networks are trained at once.

See :mod:`eegsep.training.stacked` for the training.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from eegsep.network.settings import settled
from eegsep.training import loop
from eegsep.training.stacked import train_stack

from . import fitting
from .classifier import EEGNetClassifier
from .drafts import forget

if TYPE_CHECKING:
    import mne
    import numpy as np

# Parameters that networks trained as a stack heed; the others must be as they are by default.
_STACKED = {
    *("F1", "D", "F2", "kernel_length", "separable_kernel_length", "pool1", "pool2", "drop_prob"),
    *("spatial", "separable", "scaling", "spatial_max_norm", "dense_max_norm", "sfreq"),
    *("max_epochs", "batch_size", "lr", "weight_decay", "class_weight", "validation_fraction"),
    *("n_iter_no_change", "random_state", "algorithm", "evaluation", "device"),
}


def can_be_stacked(clf: EEGNetClassifier) -> bool:
    """Whether fits like a classifier's can be trained as a stack, see :func:`fit_stacked`.

    Parameters
    ----------
    clf : EEGNetClassifier

    Returns
    -------
    possible : bool
        False for a subclass, and where a parameter asks for more than a stack does, such as to
        stop early, or to start elsewhere than at random.
    """
    defaults = EEGNetClassifier(init="glorot").get_params()
    params = clf.get_params(deep=False)
    others = {name: value for name, value in params.items() if name not in _STACKED}
    return type(clf) is EEGNetClassifier and others == {name: defaults[name] for name in others}


@settled()
def fit_stacked(
    classifiers: list[EEGNetClassifier],
    Xs: list[np.ndarray | mne.BaseEpochs],
    ys: list[np.ndarray],
) -> list[EEGNetClassifier]:
    """Fit classifiers, each on trials of its own, with their networks trained at once.

    Each ends as its own fit would have, but for the random numbers of dropout, which they draw
    together. A ``partial_fit`` goes on without Adam's averages.

    Parameters
    ----------
    classifiers : list of EEGNetClassifier
        Alike but for ``random_state``; of each :func:`can_be_stacked` is true.
    Xs : list of ndarray, shape (n_trials, n_chans, n_times), or of mne.Epochs
        Trials of each; the same object for several is kept once on the device.
    ys : list of ndarray, shape (n_trials,)
        Labels of each.

    Returns
    -------
    classifiers : list of EEGNetClassifier
        The same ones, fitted.

    Raises
    ------
    ValueError, FloatingPointError
        As :meth:`EEGNetClassifier.fit` does.
    """
    paused: list = []
    by_size: dict[tuple, list] = {}
    for clf, X, y in zip(classifiers, Xs, ys, strict=True):
        clf._validate_params()
        forget(clf)
        steps = fitting.fit(clf, X, y, None, None, None, goes_on=False)
        (trials, *targets), _, _, _, n_epochs = next(steps)
        paused.append(steps)
        # networks on equally many trials have batches of one size
        key = len(trials), len(clf.classes_), n_epochs
        by_size.setdefault(key, []).append((clf, X, trials, targets))
    loop.load_libraries()
    for (_, _, n_epochs), alike in by_size.items():
        _train_stacked(alike, n_epochs)
    for steps in paused:
        next(steps, None)
    return classifiers


def _train_stacked(alike, n_epochs):
    """Train the networks of classifiers at once, and write their histories."""
    first = alike[0][0]
    rows, parts, trials_of, seeds, n_rows = {}, [], [], [], 0
    for clf, X, trials, targets in alike:
        key = id(X), trials.positions.tobytes()
        if key not in rows:
            everything = torch.arange(len(trials))
            rows[key] = everything + n_rows
            parts.append((trials.batch(everything), *targets))
            n_rows += len(trials)
        trials_of.append(rows[key])
        order = torch.Generator()
        order.set_state(clf._generator_states["order"])
        seeds.append(order.initial_seed())
    start = time.perf_counter()
    history = train_stack(
        [clf.module_ for clf, *_ in alike],
        *(torch.cat(part) for part in zip(*parts, strict=True)),
        trials_of=torch.stack(trials_of),
        max_epochs=n_epochs,
        batch_size=min(int(first.batch_size), len(trials_of[0])),
        lr=first.lr,
        weight_decay=first.weight_decay,
        seeds=seeds,
        dropout_seed=first._dropout_seed,
    )
    seconds = (time.perf_counter() - start) / max(1, n_epochs) / len(alike)
    for i, (clf, *_) in enumerate(alike):
        clf.history_ = [
            {
                "epoch": epoch + 1,
                **{name: float(values[epoch, i]) for name, values in history.items()},
                "dur": seconds,
                "algorithm": clf.algorithm_,
            }
            for epoch in range(n_epochs)
        ]
        clf.n_iter_, clf.callbacks_ = n_epochs, []
