"""From other subjects to one: an evaluation in which some trials of the target are trained on too.

Networks of this package are trained on the others and then on these trials; any other pipeline is
fitted to both at once.
"""

from __future__ import annotations

import mne
import numpy as np
from moabb.evaluations import CrossSubjectEvaluation
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.metaestimators import available_if

from eegsep.datasets.epochs import is_epochs
from eegsep.estimator.classifier import EEGNetClassifier

# What is done with the target's trials.
FINE_TUNED, POOLED = "fine-tuned", "pooled"


def first_of_each_class(y, n_trials):
    """Take the first trials of a recording, of each class as nearly as many as of any other.

    Returns their positions, in order; fewer than ``n_trials`` where a class has too few. What does
    not divide evenly goes to the classes that come first by name.
    """
    y = np.asarray(y)
    labels = np.unique(y)
    each, rest = divmod(n_trials, len(labels))
    taken = [np.flatnonzero(y == label)[: each + (k < rest)] for k, label in enumerate(labels)]
    return np.sort(np.concatenate(taken))


def why_no_target(y, n_trials):
    """Say why a session has too few trials to train on some and to test on others (str | None)."""
    labels, counts = np.unique(y, return_counts=True)
    each, rest = divmod(n_trials, len(labels))
    for k, (label, count) in enumerate(zip(labels, counts, strict=True)):
        needed = each + (k < rest) + 1
        if count < needed:
            return (
                f"has {count} trials of {label}: {n_trials} target trials need {needed - 1} of "
                "them and one to test"
            )
    return None


class TransferSplitter:
    """Leaves one subject out, of whom the first trials of the first session are for calibration.

    Of the kind that MOABB's evaluations divide trials by.
    """

    def __init__(self, n_target_trials):
        self.n_target_trials = n_target_trials

    def split(self, y, metadata):
        """Yield trials of the other subjects, of the target to train on, and of it to test."""
        subjects, sessions = (metadata[name].to_numpy() for name in ("subject", "session"))
        for subject in dict.fromkeys(subjects):
            target = np.flatnonzero(subjects == subject)
            first = target[sessions[target] == sessions[target[0]]]
            calibration = first[first_of_each_class(y[first], self.n_target_trials)]
            yield (
                np.flatnonzero(subjects != subject),
                calibration,
                np.setdiff1d(target, calibration),
            )

    def get_metadata(self):
        """Tell MOABB that the trials for calibration come with their labels."""
        return {"calibration_size": self.n_target_trials, "calibration_labeled": True}


class TransferEvaluation(CrossSubjectEvaluation):
    """MOABB's evaluation across subjects, with some labelled trials of the subject who is left out.

    MOABB's own modes take a share of each session's trials whatever their classes. Of the target's
    first session ``n_target_trials`` are trained on; all others are tested.
    """

    def __init__(self, *args, n_target_trials, **kwargs):
        super().__init__(*args, **kwargs)
        self.n_target_trials = n_target_trials

    def _create_splitter(self):
        return TransferSplitter(self.n_target_trials)


def way_of_transfer(steps):
    """Return ``FINE_TUNED`` for steps that end in a network of this package, else ``POOLED``."""
    return FINE_TUNED if isinstance(steps[-1][1], EEGNetClassifier) else POOLED


def _fitted_has(name):
    return lambda self: hasattr(getattr(self, "fitted_", self.estimator), name)


class WithTargetTrials(ClassifierMixin, BaseEstimator):
    """A pipeline, or a search of one, fitted to trials of other subjects and some of the target.

    See :func:`way_of_transfer` for what is done with the target's trials. A search sees the other
    subjects' alone where the network is trained further. What predicts is ``fitted_``.
    """

    # asked for by default, of MOABB's evaluations
    __metadata_request__fit = {"X_target_labeled": True, "y_target_labeled": True}  # noqa: RUF012

    def __init__(self, estimator):
        self.estimator = estimator

    @property
    def steps(self):
        """Steps of the pipeline, by which MOABB tells whether it takes Epochs."""
        return getattr(self.estimator, "estimator", self.estimator).steps

    def get_metadata_routing(self):
        """Ask for the subjects of trials too, where the pipeline does (MetadataRouter)."""
        methods = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=methods)

    def fit(self, X, y, *, X_target_labeled, y_target_labeled, subjects=None):
        """Fit to trials of the other subjects, and of the target.

        ``subjects`` are those of the other subjects' trials, for the steps that ask for them. Those
        that ask for ``X_target_unlabeled`` get the target's trials.
        """
        X_target, y_target = X_target_labeled, y_target_labeled
        estimator, pooled = clone(self.estimator), way_of_transfer(self.steps) == POOLED
        offered = {"X_target_unlabeled": X_target}
        if subjects is not None:
            more = np.full(len(y_target) * pooled, np.max(subjects) + 1)  # a subject of its own
            offered["subjects"] = np.concatenate([subjects, more])
        asked = get_routing_for_object(estimator).consumes("fit", offered)
        offered = {name: offered[name] for name in asked}
        if pooled:
            y = np.concatenate([y, y_target])
            self.fitted_ = estimator.fit(_joined(X, X_target), y, **offered)
        else:
            of_others = estimator.fit(X, y, **offered)
            of_others = getattr(of_others, "best_estimator_", of_others)
            *before, (name, network) = of_others.steps
            further = clone(network).set_params(init=FrozenEstimator(network))
            further.fit(Pipeline(before).transform(X_target) if before else X_target, y_target)
            self.fitted_ = Pipeline([*before, (name, further)])
        self.classes_ = self.fitted_.classes_
        return self

    def predict(self, X):
        """Predict classes, shape (n_trials,)."""
        return self.fitted_.predict(X)

    @available_if(_fitted_has("predict_proba"))
    def predict_proba(self, X):
        """Predict probabilities, shape (n_trials, n_classes)."""
        return self.fitted_.predict_proba(X)

    @available_if(_fitted_has("decision_function"))
    def decision_function(self, X):
        """Predict values of the decision function, shape (n_trials,) or (n_trials, n_classes)."""
        return self.fitted_.decision_function(X)


def _joined(X, more):
    if is_epochs(X):
        return mne.concatenate_epochs([X, more], verbose="error")
    return np.concatenate([X, more])
