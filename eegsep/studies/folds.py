"""Folds of an inspection: made, checked, and said in words.

Of one recording, or of sessions that are kept apart.
"""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import LeaveOneGroupOut

from eegsep._utils.errors import RequestError
from eegsep.datasets.epochs import is_epochs
from eegsep.inspection.folds import make_folds


def check_folds(cv, X, y, groups=None):
    """Return the folds (train, test), each of which has every class in both parts."""
    if not is_epochs(X) and X.ndim != 3:
        raise RequestError(f"X must be (n_trials, n_chans, n_times), not of shape {X.shape}.")
    if len(X) != len(y):
        raise RequestError(f"X has {len(X)} trials but y has {len(y)} labels.")
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) < 2:
        raise RequestError("an inspection needs trials of two classes or more.")
    if isinstance(cv, int) and groups is None and not 2 <= cv <= counts.min():
        raise RequestError(
            f"cannot make {cv} folds: 2 at least, and no more than the {counts.min()} trials of "
            f"class {labels[counts.argmin()]}."
        )
    try:
        folds = make_folds(cv, y, groups)
    except ValueError as error:
        raise RequestError(f"cannot make the folds: {str(error).rstrip('.')}.") from error
    if len(folds) < 2:
        raise RequestError("cannot compare what fits learned with one fold: two at least.")
    for fold, parts in enumerate(folds):
        for part, name in zip(parts, ("training", "test"), strict=True):
            lacking = np.setdiff1d(labels, y[part])
            if len(lacking):
                raise RequestError(f"fold {fold + 1} has no {name} trial of class {lacking[0]}.")
    return folds


def fold_sessions(X, y, sessions, evaluation, cv):
    """Make folds that keep sessions apart: ``cv`` in each session, or one for each.

    Returns the positions of the trials of sessions that can be folded; the folds, training and test
    trials among these; what they are in words; and why sessions are left out, by name.
    """
    within, members, left_out, why = evaluation == "WithinSession", {}, {}, None
    for name in dict.fromkeys(sessions):
        own = np.flatnonzero(sessions == name)
        try:
            # a session that is tested as a whole needs each class and no more
            check_folds(cv if within else 2, X[own], y[own])
            members[name] = own
        except RequestError as error:
            why, left_out[str(name)] = error, str(error)
    if not members:
        raise why
    if not within and len(members) < 2:
        raise RequestError(
            f"CrossSession needs two sessions, and there is {', '.join(map(str, members))} only: "
            "use WithinSession."
        )
    kept = np.sort(np.concatenate(list(members.values())))
    y, sessions = y[kept], sessions[kept]
    if not within:
        folds = make_folds(LeaveOneGroupOut(), y, sessions)
        return kept, folds, f"each of {len(members)} sessions, by fits on the others", left_out
    folds = []
    for name in members:
        own = np.flatnonzero(sessions == name)
        folds += [(own[train], own[test]) for train, test in make_folds(cv, y[own])]
    words = say_folds(cv, cv, None)
    if len(members) > 1:
        words += f" in each of {len(members)} sessions"
    return kept, folds, words, left_out


def say_folds(cv, n_folds, groups):
    """Say in words what folds are."""
    if isinstance(cv, int):
        return f"{n_folds} stratified folds of " + (
            "consecutive trials" if groups is None else f"{len(np.unique(groups))} whole groups"
        )
    of_groups = "" if groups is None else f", with {len(np.unique(groups))} groups"
    return f"{n_folds} folds of {say(cv)}{of_groups}"


def say_cv(cv):
    """Give what makes folds as JSON can hold it: an integer, or what its repr says."""
    return cv if isinstance(cv, int) else say(cv)


def say(thing):
    """Write an object's repr in one line."""
    return " ".join(repr(thing).split())
