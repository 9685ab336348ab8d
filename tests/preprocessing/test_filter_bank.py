"""Common spatial patterns of a filter bank, against MOABB's of an estimator."""

import numpy as np
import pytest
from moabb.pipelines.utils import FilterBank
from pyriemann.estimation import Covariances
from pyriemann.spatialfilters import CSP
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from eegsep.preprocessing import FilterBankCSP


@pytest.fixture
def trials():
    return np.random.default_rng(0).normal(size=(20, 5, 60, 3)), np.repeat([0, 1], 10)


def test_it_is_moabbs_filter_bank_of_csp(trials):
    theirs = FilterBank(make_pipeline(Covariances("oas"), CSP(nfilter=2)))
    np.testing.assert_allclose(
        FilterBankCSP(nfilter=2).fit_transform(*trials), theirs.fit_transform(*trials)
    )


def test_trials_of_one_band_are_refused(trials):
    X, y = trials
    with pytest.raises(ValueError, match=r"\(n_trials, n_chans, n_times, n_bands\)"):
        FilterBankCSP().fit(X[..., 0], y)
    with pytest.raises(ValueError, match="2 bands, fitted were 3"):
        FilterBankCSP().fit(X, y).transform(X[..., :2])


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_it_keeps_scikit_learns_conventions_as_far_as_they_go_for_trials():
    check_estimator(FilterBankCSP())
