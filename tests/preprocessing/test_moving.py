"""Exponential moving standardisation against pandas, and within a trial's own past."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import check_estimator

from eegsep.preprocessing import ExponentialMovingStandardizer


@pytest.fixture
def X():
    return 20 + 10 * np.random.default_rng(0).normal(size=(5, 3, 200))


def test_it_is_pandas_moving_mean_and_deviation(X):
    ours = ExponentialMovingStandardizer(0.02).fit_transform(X)
    trial = pd.DataFrame(X[3].T)
    centred = trial - trial.ewm(alpha=0.02).mean()
    deviation = np.sqrt((centred**2).ewm(alpha=0.02).mean())
    np.testing.assert_allclose(ours[3].T[1:], (centred / deviation)[1:], rtol=1e-10)
    np.testing.assert_array_equal(ours[:, :, 0], 0)


def test_what_is_yet_to_come_moves_nothing(X):
    step, other = ExponentialMovingStandardizer(0.02).fit(X), X.copy()
    other[:, :, 150:] *= 50
    moved = step.transform(other) != step.transform(X)
    assert not moved[..., :150].any()
    assert moved[..., 150:].all()


def test_trials_in_volts_are_refused_rather_than_flattened(X):
    with pytest.raises(ValueError, match="give trials in microvolts"):
        ExponentialMovingStandardizer().fit_transform(1e-6 * X)


@pytest.mark.parametrize("parameters", [{"factor_new": 0}, {"factor_new": 2}, {"eps": 0}])
def test_parameters_out_of_range_are_refused(X, parameters):
    with pytest.raises(ValueError, match="parameter of ExponentialMovingStandardizer"):
        ExponentialMovingStandardizer(**parameters).fit(X)


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_it_keeps_scikit_learns_conventions_as_far_as_they_go_for_trials():
    check_estimator(ExponentialMovingStandardizer())
