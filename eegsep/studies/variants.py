"""EEGNet with other convolutions in its place, by name, also on a part of the training trials."""

from __future__ import annotations

import numpy as np
import pandas as pd
import yaml
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from eegsep._utils.errors import RequestError, look_up
from eegsep.estimator.classifier import EEGNetClassifier
from eegsep.inspection.folds import check_groups
from eegsep.inspection.pipelines import fit_with_groups

PUBLISHED = "published"
VARIANTS = {
    PUBLISHED: {},
    "standard-spatial": {"spatial": "standard"},
    "joint": {"spatial": "joint"},
    "low-rank-2": {"spatial": "low_rank:2"},
    "grouped-2": {"spatial": "grouped:2"},
    "standard-block-2": {"separable": "standard"},
    "shuffle-4": {"separable": "shuffle:4"},
    "inception": {"separable": "inception"},
    "spatially-separable": {"separable": "spatially_separable"},
    "standard-matched": {"spatial": "standard", "separable": "standard", "F1": "matched"},
    "joint-matched": {"spatial": "joint", "F1": "matched"},
}
# Folds in which a learning rate is chosen, so also the fewest trials of a class.
TUNING_FOLDS = 3

# -- variants ------------------------------------------------------------------------------------


def choose_variants(chosen=None):
    """Parameters of variants by name, the published network first.

    Parameters
    ----------
    chosen : sequence of str | dict of dict | None
        Names out of ``VARIANTS``; or parameters of :class:`eegsep.EEGNetClassifier` with a ``+``
        between, such as ``"spatial=grouped:4+D=4"``; or parameters by name. None for all of
        ``VARIANTS``. The published network is always among them: the others are compared with it.

    Returns
    -------
    variants : dict of dict

    Raises
    ------
    RequestError
        If one is unknown or cannot be read.
    """
    if chosen is None:
        chosen = VARIANTS
    if not isinstance(chosen, dict):
        chosen = {name: _read_variant(name) for name in chosen}
    variants = {PUBLISHED: VARIANTS[PUBLISHED], **chosen}
    if variants[PUBLISHED]:
        raise RequestError(f"the name {PUBLISHED!r} is kept for the network as published.")
    for name, parameters in variants.items():
        try:
            make_variant(parameters)
        except TypeError as error:
            raise RequestError(f"variant {name}: {error}.") from error
    return variants


def make_variant(parameters):
    """Make the classifier of a variant's parameters.

    Its weights are drawn at random unless its parameters say otherwise: only the published
    convolutions can hold a classical start, and variants are compared by their convolutions alone.
    """
    return EEGNetClassifier(**{"init": "glorot", **parameters})


def _read_variant(text):
    if "=" not in text:
        return look_up("variant", text, VARIANTS)
    parameters = {}
    for part in text.split("+"):
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise RequestError(f"cannot read the variant {text!r}: write name=value+name=value.")
        try:
            parameters[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RequestError(f"cannot read {value!r} in the variant {text!r}.") from error
    return parameters


class OnFewerTrials(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier that is fitted on a part of the trials it is given: a learning curve's point.

    Parameters
    ----------
    estimator : estimator
        Fitted on the part.
    fraction : float
        Share of each class's trials, between 0 and 1; three trials a class at least. Where fit is
        given groups, the share of the groups of each class, or of all groups where some have
        several classes; three at least.
    random_state : int | None
        Seed of the choice. With the same seed the trials of a smaller fraction are among those of
        a larger one, whatever the estimator is.

    Attributes
    ----------
    estimator_ : estimator
        Fitted.
    classes_ : ndarray, shape (n_classes,)
        Labels.
    """

    def __init__(self, estimator, *, fraction=1.0, random_state=None):
        self.estimator = estimator
        self.fraction = fraction
        self.random_state = random_state

    def fit(self, X, y, groups=None):
        """Fit on a part of the trials, or of the groups of trials.

        ``groups`` are what belongs together, such as the windows of one trial, and is kept or left
        out as a whole: a ValueError if there is not one for each trial. Where scikit-learn's
        ``enable_metadata_routing`` is on, the estimator gets those of its trials if it requests
        them.
        """
        y, groups = np.asarray(y), check_groups(groups, len(y))
        rng = check_random_state(self.random_state)
        units = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        # groups of several classes, such as runs, are drawn from all, others from those of a class
        n_classes = pd.Series(y).groupby(units).nunique()
        strata = y if n_classes.max() == 1 else np.zeros(len(y))
        kept = []
        for label in np.unique(strata):
            # the order does not depend on the fraction, so that smaller parts are in larger ones
            order = rng.permutation(np.unique(units[strata == label]))
            kept.append(order[: max(TUNING_FOLDS, round(self.fraction * len(order)))])
        kept = np.flatnonzero(np.isin(units, np.concatenate(kept)))
        own = None if groups is None else groups[kept]
        self.estimator_ = fit_with_groups(clone(self.estimator), X[kept], y[kept], own)
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X):
        """Labels, shape (n_trials,), by the fitted estimator."""
        return self.estimator_.predict(X)

    def predict_proba(self, X):
        """Probabilities, shape (n_trials, n_classes), by the fitted estimator."""
        return self.estimator_.predict_proba(X)

    def get_metadata_routing(self):
        """Say whose the groups are (sklearn.utils.metadata_routing.MetadataRouter)."""
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=to_fit)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def make_estimators(variants, fractions, rates):
    """Make what is benchmarked: estimators by label, and the variant and fraction of each label."""
    estimators, points = {}, {}
    for name, parameters in variants.items():
        estimator = make_variant(parameters)
        if len(rates) > 1:
            grid = {"lr": rates}
            estimator = GridSearchCV(estimator, grid, scoring="roc_auc_ovr", cv=TUNING_FOLDS)
        for fraction in fractions:
            label = name if fraction == 1 else f"{name}, {fraction:g} of the trials"
            points[label] = name, fraction
            # all of the trials without a wrapper, so that its scores are there for any curve
            estimators[label] = (
                estimator if fraction == 1 else OnFewerTrials(estimator, fraction=fraction)
            )
    return estimators, points
