"""Pipelines that end in the classifier: cut before it, cloned, fitted, mapped to electrodes.

What is inspected is always the classifier; the steps before it stand between it and the trials.
"""

from __future__ import annotations

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from eegsep.datasets.epochs import is_epochs
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.estimator.drafts import as_fitted
from eegsep.estimator.inputs import check_trials

# Share of a transformed signal's power that a linear map of the electrodes may miss: rounding.
_LINEAR = 1e-6


def cut_pipeline(estimator):
    """Return the steps before the classifier (None for none) and the fitted classifier."""
    before, clf = None, estimator
    while isinstance(clf, Pipeline):
        if before is not None and len(clf) > 1:
            raise TypeError("a pipeline in a pipeline cannot be inspected: make one of the two")
        before = clf[:-1] if len(clf) > 1 else before
        clf = clf[-1]
    if not isinstance(clf, EEGNetClassifier):
        raise TypeError(
            f"inspection takes a fitted EEGNetClassifier or a Pipeline that ends in one, not a "
            f"{type(clf).__name__}. Of a search, pass best_estimator_."
        )
    return before, as_fitted(clf)


def trials_through(before, clf, X):
    """Trials at the electrodes, the same as the classifier gets them, and the electrodes' info."""
    after, info = check_trials(clf, before.transform(X), reset=False), None
    if is_epochs(X):
        import mne

        picks = mne.pick_types(X.info, meg=False, eeg=True, exclude="bads")
        X, info = X.get_data(picks=picks, copy=False), mne.pick_info(X.info, picks)
    return np.asarray(X), after, info


def linear_map(X, after):
    """Matrix (n_after, n_chans) that takes every sample of ``X`` to that of ``after``."""
    problem = (
        "the steps before the classifier are not one linear map of the electrodes, the same at "
        "all times of all trials, so that no maps on the electrodes belong to its components. "
        "Inspect the classifier alone, pipeline[-1], on the trials as they reach it."
    )
    if X.ndim != 3 or X.shape[::2] != after.shape[::2]:
        raise ValueError(problem)
    own, cross, power = 0, 0, 0.0
    for start in range(0, len(X), 64):
        x, z = (np.hstack(list(part[start : start + 64])).astype(float) for part in (X, after))
        own, cross, power = own + x @ x.T, cross + z @ x.T, power + np.square(z).sum()
    matrix = cross @ np.linalg.pinv(own, rcond=1e-12, hermitian=True)
    if power - np.sum(matrix * cross) > _LINEAR * power:
        raise ValueError(problem)
    return matrix


def fit_with_groups(estimator, X, y, groups):
    """Fit, with groups for those that request them where metadata routing is enabled."""
    if groups is None or not sklearn.get_config()["enable_metadata_routing"]:
        return estimator.fit(X, y)
    itself = MetadataRequest(owner="cross_fits")  # the splitter has had them, at any rate
    itself.fit.add_request(param="groups", alias=True)
    to_fit = MethodMapping().add(caller="fit", callee="fit")
    router = MetadataRouter(owner="cross_fits").add_self_request(itself)
    router.add(estimator=estimator, method_mapping=to_fit)
    return estimator.fit(X, y, **process_routing(router, "fit", groups=groups).estimator.fit)


def fresh_clone(estimator, **settings):
    """Clone with other settings of the classifier in it."""
    prefix, part = "", estimator
    while isinstance(part, Pipeline):
        prefix, part = f"{prefix}{part.steps[-1][0]}__", part[-1]
    if not isinstance(part, EEGNetClassifier):
        raise TypeError(
            f"expected an EEGNetClassifier or a Pipeline that ends in one, not a "
            f"{type(part).__name__}"
        )
    return clone(estimator).set_params(**{prefix + name: v for name, v in settings.items()})
