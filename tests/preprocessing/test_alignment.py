"""Alignment by groups: against MOABB's and pyRiemann's, and by its definition."""

import numpy as np
import pytest
from moabb.datasets.preprocessing import EuclideanAlignment
from moabb.evaluations import CrossSubjectEvaluation
from moabb.paradigms import LeftRightImagery
from moabb.pipelines import LogVariance
from pyriemann.geometry.mean import gmean
from pyriemann.transfer import TLCenter, encode_domains
from sklearn import config_context
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import LeaveOneGroupOut, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from eegsep.datasets import SimulatedMotorImagery
from eegsep.preprocessing import GroupAlignment

SESSION = np.repeat(["a", "b", "c"], 8)


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    mixing = np.repeat(rng.normal(size=(3, 4, 4)), 8, axis=0)
    return mixing @ rng.normal(size=(24, 4, 50))


def covariances(X):
    return X @ X.swapaxes(1, 2) / X.shape[-1]


@pytest.mark.parametrize("metric", ["euclid", "riemann"])
def test_the_mean_covariance_of_each_group_becomes_the_identity(X, metric):
    # of trials without a mean over time, so that covariances are those of numpy
    X = X - X.mean(axis=-1, keepdims=True)
    aligned = GroupAlignment(metric, estimator="scm").fit_transform(X, groups=SESSION)
    for session in "abc":
        mean = gmean(covariances(aligned[session == SESSION]), metric=metric)
        np.testing.assert_allclose(mean, np.eye(4), atol=1e-6)


def test_a_single_group_is_what_moabb_aligns(X):
    theirs, ours = EuclideanAlignment().fit(X[:16]), GroupAlignment().fit(X[:16])
    np.testing.assert_allclose(ours.transform(X[16:]), theirs.transform(X[16:]))
    np.testing.assert_allclose(ours.fit_transform(X), theirs.fit_transform(X))


def test_covariances_of_aligned_trials_are_those_that_pyriemann_centres(X):
    aligned = GroupAlignment("riemann", estimator="scm").fit_transform(X, groups=SESSION)
    C = np.array([np.cov(trial, bias=True) for trial in X])
    _, y = encode_domains(C, np.zeros(24, int), SESSION)
    centred = TLCenter(target_domain="").fit_transform(C, y)
    ours = np.array([np.cov(trial, bias=True) for trial in aligned])
    np.testing.assert_allclose(ours, centred, atol=1e-6)


def test_groups_of_the_fit_are_whitened_as_there(X):
    step = GroupAlignment()
    aligned = step.fit_transform(X, groups=SESSION)
    some = [20, 3, 9]
    np.testing.assert_array_equal(step.transform(X[some], groups=SESSION[some]), aligned[some])


def test_an_unseen_group_is_whitened_by_the_mean_of_the_seen(X):
    step = GroupAlignment(estimator="scm").fit(X[:16], groups=SESSION[:16])
    values, vectors = np.linalg.eigh(step.references_.mean(axis=0))
    whitener = vectors / np.sqrt(values) @ vectors.T
    for groups in (None, SESSION[16:]):
        np.testing.assert_allclose(step.transform(X[16:], groups=groups), whitener @ X[16:])


def test_an_unseen_group_is_recentred_on_its_own_trials_when_asked_for(X):
    step = GroupAlignment(recentre_unseen=True).fit(X[:16], groups=SESSION[:16])
    own = EuclideanAlignment().fit_transform(X[16:])
    for groups in (None, SESSION[16:]):
        np.testing.assert_allclose(step.transform(X[16:], groups=groups), own)


def test_unlabelled_trials_of_the_target_whiten_it(X):
    step = GroupAlignment()
    of_train = step.fit_transform(X[:16], groups=SESSION[:16], X_target_unlabeled=X[16:20])
    np.testing.assert_array_equal(
        of_train, GroupAlignment().fit_transform(X[:16], groups=SESSION[:16])
    )
    theirs = EuclideanAlignment().fit(X[16:20]).transform(X[20:])
    np.testing.assert_allclose(step.transform(X[20:]), theirs)


def test_scikit_learn_routes_groups_to_it():
    rng = np.random.default_rng(1)
    y = np.tile([0, 1], 60)
    subject = np.repeat([1, 2, 3], 40)
    X = rng.normal(size=(120, 3, 100))
    X[y == 1, 0] *= 2
    # gains of each subject and channel, larger than the difference of the classes
    X *= rng.lognormal(0, 2, (3, 3, 1))[subject - 1]

    def score(*steps):
        scores = cross_validate(
            make_pipeline(*steps, LogVariance(), LinearDiscriminantAnalysis()),
            X,
            y,
            cv=LeaveOneGroupOut(),
            params={"groups": subject},
            error_score="raise",
        )
        return scores["test_score"].mean()

    with config_context(enable_metadata_routing=True):
        align = GroupAlignment(recentre_unseen=True)
        align.set_fit_request(groups=True).set_transform_request(groups=True)
        with_alignment, without = score(align), score()
    assert with_alignment > 0.9
    assert without < 0.7


@pytest.mark.parametrize(
    ("mode", "target"), [("train", False), ("train_and_target_unlabeled_50p", True)]
)
def test_moabb_routes_subjects_and_unlabelled_trials_to_it(mode, target, tmp_path):
    seen = []

    class Recorder(GroupAlignment):
        def fit(self, X, y=None, *, groups=None, X_target_unlabeled=None):
            seen.append((groups, X_target_unlabeled))
            return super().fit(X, groups=groups, X_target_unlabeled=X_target_unlabeled)

    dataset = SimulatedMotorImagery(n_subjects=3, n_sessions=1, n_runs=1, n_trials_per_class=4)
    evaluation = CrossSubjectEvaluation(
        paradigm=LeftRightImagery(),
        datasets=[dataset],
        hdf5_path=str(tmp_path),
        overwrite=True,
        cs_mode=mode,
    )
    pipeline = make_pipeline(Recorder(), LogVariance(), LinearDiscriminantAnalysis())
    assert evaluation.process({"aligned": pipeline})["score"].between(0, 1).all()
    assert all(len(set(groups)) == 2 for groups, _ in seen)
    assert all((trials is not None) == target for _, trials in seen)


def test_channels_that_depend_on_each_other_need_shrinkage(X):
    X = X - X.mean(axis=1, keepdims=True)
    assert np.isfinite(GroupAlignment().fit_transform(X)).all()
    with pytest.raises(ValueError, match="no inverse"):
        GroupAlignment(estimator="scm").fit(X)


@pytest.mark.parametrize(
    ("X", "groups", "why"),
    [
        (np.ones((3, 4)), None, "must have the shape"),
        (np.full((3, 4, 5), np.nan), None, "NaN"),
        (np.ones((3, 4, 5)), [1, 2], "one for each of the 3 trials"),
    ],
)
def test_bad_trials_are_refused(X, groups, why):
    with pytest.raises(ValueError, match=why):
        GroupAlignment().fit(X, groups=groups)


def test_unknown_metrics_and_other_channels_are_refused(X):
    with pytest.raises(ValueError, match="metric must be one of"):
        GroupAlignment("euclidean").fit(X)
    with pytest.raises(ValueError, match="3 features"):
        GroupAlignment().fit(X).transform(X[:, :3])


@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_it_keeps_scikit_learns_conventions_as_far_as_they_go_for_trials():
    check_estimator(GroupAlignment())
