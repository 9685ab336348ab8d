"""Pipelines: maps through their steps, and groups to the estimators that ask for them."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from eegsep import EEGNetClassifier
from eegsep.inspection.learned import components
from eegsep.inspection.pipelines import fit_with_groups
from tests.conftest import make_trials
from tests.inspection.conftest import small


class Mixing(TransformerMixin, BaseEstimator):
    """A fixed linear map of the electrodes."""

    def __init__(self, matrix):
        self.matrix = matrix

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.matrix @ X

    def __sklearn_is_fitted__(self):
        return True


def test_another_estimator_is_refused_with_what_to_pass():
    with pytest.raises(TypeError, match=r"not a LogisticRegression"):
        components(LogisticRegression())


def test_maps_of_a_pipeline_are_on_the_electrodes():
    """Haufe's pattern of w on A x is A's inverse times that on the electrodes: Cov(Ax)w = A Cov."""
    X, y = make_trials(30)
    matrix = np.eye(6) + 0.2 * np.random.default_rng(0).normal(size=(6, 6))
    pipeline = make_pipeline(Mixing(matrix), small(D=1)).fit(X, y)
    found, inner = components(pipeline, X), components(pipeline[-1])
    expected = inner.patterns @ np.linalg.inv(matrix).T
    signs = np.sign((expected * found.patterns).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found.patterns, signs * expected, rtol=1e-6)
    np.testing.assert_allclose(found.filters, signs * (inner.filters @ matrix), rtol=1e-6)


def test_a_pipeline_without_steps_before_is_its_classifier(fitted):
    clf, *_ = fitted
    pipeline = make_pipeline(clf)
    np.testing.assert_array_equal(components(pipeline).patterns, clf.patterns_)


def test_a_pipeline_needs_its_trials():
    X, y = make_trials(20)
    pipeline = make_pipeline(Mixing(np.eye(6)), small()).fit(X, y)
    with pytest.raises(ValueError, match="pass X"):
        components(pipeline)


@pytest.mark.parametrize("function", [np.abs, lambda X: X / X.std(axis=(1, 2), keepdims=True)])
def test_steps_that_are_no_linear_map_of_the_electrodes_are_refused(function):
    X, y = make_trials(20)
    X = X * np.linspace(1, 2, len(X))[:, np.newaxis, np.newaxis]
    pipeline = make_pipeline(FunctionTransformer(function), small()).fit(X, y)
    with pytest.raises(ValueError, match="not one linear map"):
        components(pipeline, X)


class AsksForGroups(EEGNetClassifier):
    """Remembers the groups that a fit was given."""

    def fit(self, X, y, groups=None):
        super().fit(X, y)
        self.groups_ = groups
        return self


def test_groups_reach_estimators_that_request_them():
    X, y = make_trials(8)
    groups = np.arange(8) // 2
    with sklearn.config_context(enable_metadata_routing=True):
        asks = AsksForGroups(F1=1, max_epochs=1).set_fit_request(groups=True)
        for estimator in (asks, make_pipeline(asks)):
            fitted = fit_with_groups(clone(estimator), X, y, groups)
            clf = fitted[-1] if estimator is not asks else fitted
            np.testing.assert_array_equal(clf.groups_, groups)
        not_asking = AsksForGroups(F1=1, max_epochs=1).set_fit_request(groups=False)
        assert fit_with_groups(not_asking, X, y, groups).groups_ is None
    assert fit_with_groups(clone(asks), X, y, groups).groups_ is None
