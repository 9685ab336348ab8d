"""Clusters and reliability of fits that were made to share sources."""

import numpy as np
import pytest

from eegsep.inspection.recurrence import consensus
from tests.inspection.conftest import made, small


@pytest.fixture
def five_fits(sources):
    """Return fits that found three sources in other orders, signs, scales; one found a fourth."""
    topographies, spectra = sources
    rng = np.random.default_rng(1)
    fits = []
    for fit in range(5):
        order = rng.permutation(4 if fit == 2 else 3)
        scales = rng.choice([-1, 1], (len(order), 1)) * rng.uniform(0.1, 10, (len(order), 1))
        noise = 0.03 * rng.normal(size=(len(order), 20))
        worth = np.array([3.0, 2.0, 1.0, 0.5])[order]
        fits.append(
            made(
                scales * (topographies[order] + noise),
                spectra[order],
                np.column_stack([worth, worth / 2]),
            )
        )
    return fits


def test_consensus_finds_what_fits_share_up_to_order_sign_and_scale(five_fits, sources):
    found = consensus(five_fits)
    assert [cluster.n_fits for cluster in found.clusters] == [5, 5, 5, 1]
    for cluster, topography in zip(found.clusters, sources[0], strict=True):
        assert abs(cluster.pattern @ topography) > 0.97
    assert [cluster.peak_freq for cluster in found.clusters] == [10, 20, 12, 5]


def test_what_one_fit_alone_has_comes_last_and_is_marked(five_fits):
    table = consensus(five_fits).to_frame()
    assert table["single"].tolist() == [False, False, False, True]
    assert np.isnan(table["similarity"].iloc[-1])


def test_relevance_of_a_cluster_is_the_mean_over_fits(five_fits):
    found = consensus(five_fits)
    np.testing.assert_allclose(
        [cluster.relevance for cluster in found.clusters],
        [[3, 1.5], [2, 1], [1, 0.5], [0.1, 0.05]],
    )


def test_spread_is_the_deviation_of_the_maps(five_fits):
    """The maps were made with a deviation of 0.03 about topographies of norm 1."""
    cluster = consensus(five_fits).clusters[0]
    assert np.sqrt(np.mean(cluster.spread**2)) == pytest.approx(0.03, rel=0.3)


def test_a_fit_counts_once_however_often_it_has_a_source(sources):
    topographies, spectra = sources
    twice = made(topographies[[0, 0, 1]], spectra[[0, 0, 1]])
    once = made(topographies[:2], spectra[:2])
    found = consensus([twice, once])
    assert sorted(cluster.n_fits for cluster in found.clusters) == [2, 2]
    assert sorted(len(cluster.members) for cluster in found.clusters) == [2, 3]


def test_the_same_place_at_another_frequency_is_another_component(sources):
    topographies, spectra = sources
    fit = made(topographies[[0, 0]], spectra[:2])
    assert len(consensus([fit, fit]).clusters) == 2


def test_reliability_of_equal_fits_is_one(sources):
    fit = made(*sources)
    assert consensus([fit, fit, fit]).reliability == pytest.approx(1)


def test_reliability_is_zero_where_components_help_as_often_as_they_hurt(sources):
    worth = np.array([[1.0, 1.0], [-1.0, -1.0], [2.0, 2.0], [-2.0, -2.0]])
    fit = made(*sources, worth)
    assert consensus([fit, fit]).reliability == pytest.approx(0, abs=1e-12)


def test_fits_of_other_repetitions_are_not_compared(sources):
    """Those of a fold in two repetitions have the same trials, and may be one start twice."""
    topographies, spectra = sources
    fits = [made(topographies[[k]], spectra[[k]], repetition=r) for r in (0, 1) for k in (0, 1)]
    found = consensus(fits)
    assert found.reliability == pytest.approx(0, abs=1e-9)
    assert [cluster.n_fits for cluster in found.clusters] == [2, 2]
    assert found.to_frame()["single"].all()


def test_reliability_is_the_mean_over_repetitions(sources):
    topographies, spectra = sources
    alike = [made(topographies[[2]], spectra[[2]], repetition=0)] * 3
    apart = [made(topographies[[k]], spectra[[k]], repetition=1) for k in (0, 1)]
    assert consensus(alike + apart).reliability == pytest.approx(1 / 2)


def test_a_repetition_of_one_fit_does_not_count(sources):
    topographies, spectra = sources
    alike = [made(topographies, spectra)] * 2
    alone = made(topographies[[0]], spectra[[1]], repetition=1)
    assert consensus([*alike, alone]).reliability == pytest.approx(1)
    with pytest.raises(ValueError, match="at least two fits of a repetition"):
        consensus([alike[0], alone])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fits": 1}, "at least two"),
        ({"n_chans": 19}, "different electrodes"),
        ({"n_freqs": 60}, "frequencies"),
        ({"classes": ("feet", "tongue")}, "different classes"),
    ],
)
def test_fits_that_cannot_be_compared_are_refused(sources, change, message):
    topographies, spectra = sources
    other = made(
        topographies[:, : change.get("n_chans")],
        spectra[:, : change.get("n_freqs")],
        classes=change.get("classes", ("left", "right")),
    )
    with pytest.raises(ValueError, match=message):
        consensus([made(topographies, spectra), other][: change.get("fits")])


def test_consensus_takes_classifiers(fitted):
    clf, X, y = fitted
    other = small(F1=3, sfreq=128, random_state=1).fit(X, y)
    assert consensus([clf, other]).n_fits == 2
