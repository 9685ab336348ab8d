"""Patterns of a fitted network against a closed form."""

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from eegsep import EEGNetClassifier
from eegsep.inspection import spatial_patterns
from tests.conftest import make_trials


@pytest.mark.parametrize("kernel_length", [8, 9])
def test_patterns_are_covariances_of_the_filtered_signal_with_the_component(kernel_length):
    X, y = make_trials(20)
    clf = EEGNetClassifier(
        F1=2, D=1, kernel_length=kernel_length, max_epochs=1, random_state=0
    ).fit(X, y)
    with torch.no_grad():
        filtered = clf.module_.temporal(torch.from_numpy(X).float().unsqueeze(1)).double().numpy()
    found = spatial_patterns(clf, X)
    for f, (spatial, pattern) in enumerate(zip(clf.filters_, found, strict=True)):
        x = np.concatenate(list(filtered[:, f]), axis=1)
        component = spatial @ x
        expected = np.cov(x, component, bias=True)[:-1, -1] / component.std()
        expected *= np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(pattern, expected, rtol=1e-4, atol=1e-9)


def test_patterns_are_in_the_unit_of_the_data():
    X, y = make_trials(20)
    clf = EEGNetClassifier(max_epochs=1, random_state=0)
    volts = spatial_patterns(clf.fit(X, y), X)
    microvolts = spatial_patterns(clf.fit(1e6 * X, y), 1e6 * X)
    np.testing.assert_allclose(1e6 * volts, microvolts, rtol=1e-4, atol=1e-4)


def test_pattern_finds_the_source_where_the_filter_does_not():
    """A filter also cancels noise that its source's electrodes share; a pattern does not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2, 64))
    noise = 3 * rng.normal(size=(40, 64))
    X[:, 0] += noise
    X[:, 1] = noise + 0.01 * X[:, 1]
    clf = EEGNetClassifier(F1=1, D=1, kernel_length=1, max_epochs=1, random_state=0)
    clf.fit(X, np.arange(40) % 2)
    with torch.no_grad():
        clf.module_.spatial.weight[0, 0, :, 0] = torch.tensor([0.5, -0.5])
    pattern = np.abs(spatial_patterns(clf, X)[0])
    assert pattern[1] < 0.1 * pattern[0]


def test_patterns_need_a_fitted_classifier():
    with pytest.raises(NotFittedError):
        spatial_patterns(EEGNetClassifier(), make_trials()[0])


def test_patterns_of_a_pipeline_are_refused_with_what_to_pass():
    X, y = make_trials(20)
    pipeline = make_pipeline(EEGNetClassifier(max_epochs=1)).fit(X, y)
    with pytest.raises(TypeError, match=r"not a Pipeline: pass the fitted classifier"):
        spatial_patterns(pipeline, X)
