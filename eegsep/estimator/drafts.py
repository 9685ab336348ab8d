"""Fits that are all or nothing: a copy is trained, and what it learned is taken over at once.

Whatever ends a training thus leaves the classifier as it was, and who predicts meanwhile, in
another thread, has the old one or the new one as a whole.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy

from sklearn.utils.validation import check_is_fitted

from eegsep.network.threads import one_at_a_time

# What predicting and a training that goes on need, beside what users read.
_LEARNED = (
    "_epochs_made",
    "_filters",
    "_temporal_filters",
    "_made_with",
    "_maps",
    "_optimizer_state",
    "_generator_states",
    "_dropout_seed",
)


def is_learned(name):
    """Whether an attribute of a classifier is what a fit has learned."""
    return name in _LEARNED or (name.endswith("_") and not name.startswith("_"))


def forget(clf):
    """Drop all that a classifier has learned."""
    for name in [name for name in vars(clf) if is_learned(name)]:
        delattr(clf, name)


def snapshot(clf):
    """Copy a classifier as it is now; what it holds is shared."""
    copied = object.__new__(type(clf))
    copied.__dict__ = vars(clf).copy()
    return copied


def as_fitted(clf):
    """Copy a classifier as it is fitted now, whatever another thread fits meanwhile.

    It is a NotFittedError if it is not.
    """
    if not hasattr(clf, "module_"):  # scikit-learn's check alone takes a share of a window's time
        check_is_fitted(clf, "module_")
    return snapshot(clf)


@contextmanager
def draft_of(clf):
    """Give a private copy to train, and take over what it has learned if all went well."""
    with one_at_a_time(clf):
        draft = snapshot(clf)
        if hasattr(draft, "module_"):
            draft.module_ = deepcopy(draft.module_)
            draft._optimizer_state = deepcopy(draft._optimizer_state)
            draft._generator_states = dict(draft._generator_states)
            draft.history_ = list(draft.history_)
        yield draft
        learned = {k: v for k, v in vars(draft).items() if is_learned(k)}
        rest = {k: v for k, v in vars(clf).items() if not is_learned(k)}
        clf.__dict__ = rest | learned  # at once
