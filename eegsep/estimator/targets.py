"""What comes with training trials: labels, groups, weights of trials and classes, trials to watch.

Checked here, and brought to class indices and weights of the distinct trials.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from eegsep._utils.values import as_values, groups_of, labels_of, positions_of
from eegsep._utils.warnings import warn
from eegsep.training import holdout

from .inputs import check_trials


def check_labels(name, X, y, sample_weight, labels=None, *, partial=False):
    """Check the labels of trials X, and their weights.

    ``name`` is what an error calls the classifier, ``labels`` all that there may be (None for those
    of ``y``), of which trials may lack some where they are ``partial``. Returns the labels,
    (n_classes,); each trial's position in them, and weight, (n_trials,). It is a ValueError if a
    label is missing or unknown, a weight is negative or all are zero, there are not as many as
    trials, or fewer than two classes.
    """
    y = labels_of(name, y, len(X))
    sample_weight = as_values(name, "sample_weight", sample_weight)
    of_given = labels is not None
    labels = labels if of_given else np.unique(y)
    encoded = positions_of(y, labels)
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not (weight > 0).any():
        raise ValueError("All values of sample_weight are zero: no trial is left to train on")
    n_classes = len(np.unique(encoded[weight > 0]))
    if len(labels) < 2 or (n_classes < 2 and not (partial and of_given)):
        raise ValueError(
            f"{name} needs at least 2 classes, but the training trials "
            f"(of non-zero weight) are of one class: {str(labels[encoded[weight > 0][0]])!r}"
        )
    return labels, encoded, weight


def check_classes(name, classes):
    """Return the labels that there will be, sorted, each once; refuse what are none."""
    classes = column_or_1d(as_values(name, "classes", classes))
    if pd.isna(classes).any():
        raise ValueError("classes contains NaN or None: give the labels that there will be")
    check_classification_targets(classes)
    return np.unique(classes)


def weigh_distinct_trials(labels, y, weight, index, of_trial, class_weight, *, partial=False):
    """Find class indices and weights of the distinct trials, and the weights of the classes.

    ``y`` has class indices and ``weight`` weights of all trials, ``index`` a position of each
    distinct one, and ``of_trial`` which distinct one each is, negative where it is left out.
    Weights are brought to a mean of 1; those of a part of the training trials (``partial``) stay as
    they are, so that light trials count for little whatever comes with them, and ``class_weight``
    may name labels that the part lacks.

    It is a ValueError if ``class_weight`` names labels that there are not, or values that are no
    weights, or if weights are too large to be summed.
    """
    present = np.unique(y[weight > 0])
    if isinstance(class_weight, dict):
        known = labels if partial else labels[present]
        class_weight = _check_class_weight(class_weight, known)
    used = of_trial >= 0
    weight = np.bincount(of_trial[used], weight[used])
    y, by_class = y[index], np.ones(len(labels))
    if class_weight is not None:
        by_class[present] = compute_class_weight(
            class_weight,
            classes=labels[present],
            y=labels[y],
            sample_weight=weight,
        )
        weight = weight * by_class[y]
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not total < np.finfo(np.float32).max:
        raise ValueError(
            "The weights are too large to be summed. Divide sample_weight, or class_weight, by "
            "its largest value."
        )
    return y, weight if partial else weight / weight.mean(), by_class


def _check_class_weight(class_weight, known):
    """Return a weight of each known label, 1 where none is given."""
    absent = [label for label in class_weight if label not in known]
    if absent:
        raise ValueError(
            f"class_weight names labels {absent} that no training trial has; there are "
            f"{known.tolist()}. In a cross-validation, stratify the folds."
        )
    weights = {label: class_weight.get(label, 1) for label in known}
    try:
        values = np.array(list(weights.values()), dtype=float)
    except (ValueError, TypeError):
        values = np.array([np.nan])
    if not (np.isfinite(values).all() and (values >= 0).all() and (values > 0).sum() > 1):
        raise ValueError(
            "class_weight must be finite numbers, not negative, and at least two of them "
            f"more than zero, got {class_weight}"
        )
    return weights


def check_groups(name, groups, n_trials):
    """Return the number of each trial's group, shape (n_trials,), or None for no groups."""
    groups = groups_of(name, groups, n_trials)
    return None if groups is None else pd.factorize(groups)[0]


def check_validation_data(clf, validation_data, labels, by_class):
    """Check trials to watch that the user gives: (X, y) or (X, y, sample_weight).

    The classifier's training trials were checked, and ``by_class`` has the weights of the classes.
    Returns X; the positions of the trials with a weight; and of these class indices and weights. It
    is a ValueError or TypeError if they cannot be used, or none has a weight.
    """
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        raise ValueError(
            "validation_data must be a tuple (X, y) or (X, y, sample_weight), got "
            f"{_describe(validation_data)}"
        )
    X, y, *weight = validation_data
    try:
        X = check_trials(clf, X, reset=False)
        name = type(clf).__name__
        _, y, weight = check_labels(name, X, y, *(weight or [None]), labels, partial=True)
    except (ValueError, TypeError) as error:
        raise type(error)(f"validation_data cannot be used: {error}") from error
    index = np.flatnonzero(weight * by_class[y] > 0)
    if not len(index):
        raise ValueError("validation_data has no trial whose class has any weight")
    return X, index, y[index], (weight * by_class[y])[index]


def _describe(value):
    """Say briefly what a value is."""
    if isinstance(value, (tuple, list)):
        return f"{len(value)} values"
    return f"an object of type {type(value).__name__}"


def hold_out(X, index, labels, y, groups, fraction, seed):
    """Split the distinct trials into those to train on and those to watch: positions in ``index``.

    ``index`` has a position in X of each distinct trial, and ``y`` its class index; ``groups`` is
    what stays together, None for trials that have samples in common, ``fraction`` the share to
    watch. It is a ValueError if there are too few trials or groups of a class, a warning if trials
    that overlap each other have to be divided.
    """
    counts = np.bincount(y, minlength=len(labels))
    by_label = {str(label): int(n) for label, n in zip(labels, counts, strict=True)}
    if counts[counts > 0].min() < 2:
        raise ValueError(
            "early_stopping has to hold out and to keep at least one distinct trial of each "
            f"class, but there are only {by_label}. Give more trials, or set "
            "early_stopping=False."
        )
    if groups is not None:
        try:
            return holdout.split(y, groups, fraction, seed)
        except ValueError:
            n_groups = np.unique(np.stack([y, groups]), axis=1)[0]
            n_groups = np.bincount(n_groups, minlength=len(labels)).tolist()
            by_label = dict(zip(map(str, labels), n_groups, strict=True))
            raise ValueError(
                "early_stopping has to hold out and to keep at least one group of each class, "
                f"but trials are in only {groups.max() + 1} group(s), by class {by_label}. "
                "Give more groups, or validation_data, or set early_stopping=False."
            ) from None
    groups, starts = holdout.overlapping(X, index)
    try:
        kept, held_out = holdout.split(y, groups, fraction, seed)
        if len(held_out) <= max(0.5, fraction) * len(y) + len(labels):
            return kept, held_out
    except ValueError:
        pass
    warn(
        "Trials overlap each other in one long chain. early_stopping holds out stretches of "
        "trials that follow each other, but those at their ends have samples in common with "
        "trials that are trained on. Give groups or validation_data to avoid that."
    )
    try:
        return holdout.split(y, holdout.cut(groups, starts, fraction), fraction, seed)
    except ValueError:
        raise ValueError(
            "early_stopping has to hold out and to keep trials of each class, but trials "
            "overlap and those of a class are in one stretch. Give groups or validation_data, "
            "or set early_stopping=False."
        ) from None
