"""Cross-validated fits and their controls, also against the simulation's truth."""

import numpy as np
import pytest
from moabb.paradigms import LeftRightImagery
from scipy.stats import mannwhitneyu

from eegsep import EEGNetClassifier
from eegsep.datasets import SimulatedMotorImagery
from eegsep.inspection.cross_validation import cross_components, cross_fits, sanity_checks
from eegsep.inspection.folds import make_folds
from eegsep.inspection.recurrence import consensus
from tests.conftest import make_epochs, make_trials
from tests.inspection.conftest import small

REMEMBERED = []


class Remembers(EEGNetClassifier):
    """Keeps the first value and the label of each trial of each fit in ``REMEMBERED``."""

    def fit(self, X, y):
        REMEMBERED.append(dict(zip(X[:, 0, 0], y, strict=True)))
        return super().fit(X, y)


@pytest.mark.parametrize("control", ["untrained", "shuffled"])
def test_a_control_is_a_cross_validation_with_shuffled_labels(control):
    """So it is no other than one of trained networks where classes do not differ."""
    X, y = make_trials(24)
    clf = Remembers(F1=1, max_epochs=1, init="induced", kernel_length=8)
    REMEMBERED.clear()
    folds = make_folds(3, y)
    found = list(cross_fits(clf, X, y, cv=folds, n_seeds=2, control=control, random_state=5))
    labels = []
    for repetition in (0, 1):
        of_folds = REMEMBERED[3 * repetition : 3 * repetition + 3]
        known = {value: label for fit in of_folds for value, label in fit.items()}
        assert all(known[value] == label for fit in of_folds for value, label in fit.items())
        labels.append(np.array([known[value] for value in X[:, 0, 0]]))
        assert (labels[-1] != y).any()
        for _, test in folds:
            assert sorted(labels[-1][test]) == sorted(y[test])
    assert (labels[0] != labels[1]).any()
    if control == "shuffled":
        options = {"cv": folds, "n_seeds": 2, "random_state": 5}
        trained = [list(cross_fits(clf, X, each, **options)) for each in labels]
        for i, fit in enumerate(found):
            one, other = fit.components, trained[i // 3][i].components
            np.testing.assert_array_equal(one.patterns, other.patterns)
            np.testing.assert_array_equal(one.relevance, other.relevance)
            assert one.repetition == i // 3


@pytest.mark.parametrize("control", ["untrained", "shuffled"])
def test_controls_are_as_reliable_as_trained_networks_where_there_is_nothing_to_learn(control):
    rng, reliability = np.random.default_rng(0), []
    clf = small(F1=4, init="induced", max_epochs=1, kernel_length=8)
    for seed in range(20):
        X, y = rng.normal(size=(24, 6, 32)), np.arange(24) % 2
        reliability.append(
            [
                consensus(
                    cross_components(clf, X, y, cv=3, control=kind, random_state=seed)
                ).reliability
                for kind in (None, control)
            ]
        )
    assert mannwhitneyu(*np.transpose(reliability)).pvalue > 0.05


def test_cross_components_fit_every_fold_from_other_weights():
    epochs, y = make_epochs(20)
    fits = cross_components(small(init="glorot"), epochs, y, cv=2, n_seeds=2)
    assert len(fits) == 4
    assert all(fit.relevance.shape == (4, 2) and fit.info is not None for fit in fits)
    assert len({fit.kernels.tobytes() for fit in fits}) == 4


def test_an_unknown_control_is_refused():
    with pytest.raises(ValueError, match="control must be"):
        cross_components(small(), *make_trials(20), control="frozen")


@pytest.fixture(scope="module")
def simulated():
    """Return a subject's sources, and the consensus of trained fits and of controls."""
    dataset = SimulatedMotorImagery(n_subjects=1, n_sessions=1, snr=1.0)
    epochs, y, _ = LeftRightImagery().get_data(dataset, [1], return_epochs=True)
    clf = EEGNetClassifier(init="glorot", F1=4, max_epochs=60, lr=0.01)
    return dataset.sources(1), epochs.ch_names, sanity_checks(clf, epochs, y, cv=3)


def test_consensus_patterns_are_the_topographies_of_the_sources(simulated):
    sources, ch_names, checks = simulated
    found = [cluster for cluster in checks["trained"].clusters if cluster.n_fits > 1]
    for source in sources:
        truth = source.pick(ch_names) / np.linalg.norm(source.pick(ch_names))
        best = max(found, key=lambda cluster: abs(cluster.pattern @ truth))
        assert abs(best.pattern @ truth) > 0.93
        assert abs(best.filter @ truth) < 0.8
        assert min(abs(best.peak_freq - f) for f in (source.mu_freq, source.beta_freq)) < 1.5


def test_controls_are_less_reliable_than_trained_networks(simulated):
    _, _, checks = simulated
    for control in ("untrained", "shuffled"):
        assert checks[control].reliability < checks["trained"].reliability - 0.2
