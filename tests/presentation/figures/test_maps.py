"""Maps show what networks learned, and say what it is."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from eegsep import EEGNetClassifier
from eegsep.inspection import components, spatial_patterns
from eegsep.presentation.figures import (
    plot_components,
    plot_consensus,
    plot_maps,
)
from tests.conftest import make_epochs, make_trials


def assert_says_what_colours_are(bar):
    """Check a colour bar: blue is negative, red positive, to the largest value of each map."""
    assert [label.get_text() for label in bar.get_xticklabels()] == ["−", "0", "+ largest"]
    red, _, blue, _ = bar._colorbar.mappable.to_rgba(1.0)
    assert red > blue


def test_maps_have_a_row_for_each_temporal_filter(fitted):
    classifier, epochs = fitted
    figure = plot_maps(classifier, spatial_patterns(classifier, epochs))
    *rows, bar = figure.axes
    assert len(rows) == 3 * (2 + 2 + 1)
    assert [ax.get_ylabel() for ax in rows[::5]] == ["0–1", "2–3", "4–5"]
    assert_says_what_colours_are(bar)


def test_maps_put_patterns_before_filters(fitted):
    classifier, epochs = fitted
    figure = plot_maps(classifier, spatial_patterns(classifier, epochs))
    titles = [ax.get_title() for ax in figure.axes[:5]]
    assert titles == ["pattern", "pattern", "filter", "filter", "temporal filter"]


def test_maps_without_patterns_show_filters_alone(fitted):
    figure = plot_maps(fitted[0])
    assert [ax.get_title() for ax in figure.axes[:2]] == ["filter", "filter"]


def test_a_filter_and_its_pattern_share_their_sign(fitted, monkeypatch):
    classifier, epochs = fitted
    drawn = []

    def record(values, *args, **kwargs):
        drawn.append(values)

    monkeypatch.setattr("mne.viz.plot_topomap", record)
    plot_maps(classifier, spatial_patterns(classifier, epochs))
    for row in np.reshape(drawn, (3, 2, 2, -1)):  # row, kind, d, channel
        assert ((row[0] * row[1]).sum(axis=-1) > 0).all()


def test_maps_show_the_response_of_the_temporal_kernel(fitted):
    classifier, _ = fitted
    line = plot_maps(classifier).axes[2].lines[0]
    kernel = classifier.module_.temporal.weight.detach().numpy()[0].ravel()
    freq, shown = line.get_data()
    turns = np.exp(-2j * np.pi * np.outer(freq, np.arange(len(kernel))) / 128)
    expected = np.abs(turns @ kernel)
    np.testing.assert_allclose(shown / shown[10], expected / expected[10], rtol=1e-4)


def test_maps_need_electrode_positions():
    X, y = make_trials()
    classifier = EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="montage"):
        plot_maps(classifier)


def test_maps_refuse_a_standard_spatial_convolution():
    epochs, y = make_epochs()
    classifier = EEGNetClassifier(spatial="standard", max_epochs=1, random_state=0).fit(epochs, y)
    with pytest.raises(ValueError, match="depthwise"):
        plot_maps(classifier)


def test_components_have_a_row_each_for_those_picked(fitted):
    figure = plot_components(components(fitted[0]), picks=[4, 1])
    *rows, bar = figure.axes
    assert len(rows) == 2 * 4
    # as picked, as MNE numbers them, and as the tables do
    assert [ax.get_ylabel() for ax in rows[::4]] == ["4", "1"]
    assert_says_what_colours_are(bar)


def test_components_show_their_frequency_patterns(fitted):
    found = components(fitted[0])
    line = plot_components(found).axes[3].lines[0]
    expected = found.spectra[0] / found.spectra[0].max()
    np.testing.assert_allclose(line.get_ydata(), expected[: len(line.get_ydata())])


def test_components_come_by_relevance(fitted):
    found = components(fitted[0])
    worth = np.array([0.0, 3.0, 1.0, 2.0, 5.0, 4.0])
    found = dataclasses.replace(found, relevance=np.column_stack([worth, worth]))
    labels = [ax.get_ylabel() for ax in plot_components(found).axes[:-1:5]]
    assert labels == ["4", "5", "1", "3", "2", "0"]


def test_components_of_two_networks_side_by_side_say_what_they_began_with(fitted):
    found = components(fitted[0])
    starts = np.repeat(["induced", "glorot"], 3)
    figure = plot_components(dataclasses.replace(found, starts=starts), picks=[4, 1])
    assert [ax.get_ylabel() for ax in figure.axes[:-1:4]] == ["4\nglorot", "1\ninduced"]


def test_components_need_electrode_positions():
    X, y = make_trials()
    classifier = EEGNetClassifier(max_epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="montage"):
        plot_components(components(classifier))


def test_consensus_has_a_row_for_each_cluster_with_its_fits(consensus):
    figure = plot_consensus(consensus, n_clusters=100)
    *rows, bar = figure.axes
    expected = {1: "one fit\nalone", 2: "2 of\n2 fits"}
    expected = [f"{k}: {expected[each.n_fits]}" for k, each in enumerate(consensus.clusters)]
    assert [ax.get_ylabel() for ax in rows[::5]] == expected
    assert_says_what_colours_are(bar)


def test_consensus_names_frequencies_below_the_last_row(consensus):
    axes = plot_consensus(consensus, n_clusters=2).axes[3:-1:5]
    assert [ax.get_xlabel() for ax in axes] == ["", "Hz"]


def test_consensus_says_what_is_a_pattern_and_what_a_filter(consensus):
    titles = [ax.get_title() for ax in plot_consensus(consensus).axes[:4]]
    assert titles == ["pattern", "± sd of pattern", "spatial filter", "frequency pattern"]


def test_maps_of_few_electrodes_show_where_these_are(consensus):
    ax = plot_consensus(consensus, n_clusters=1).axes[0]
    assert [len(line.get_xdata()) for line in ax.lines if line.get_marker() == ","] == [6]


def test_consensus_says_where_dipoles_lie(consensus):
    dipoles = pd.DataFrame({"nearest": ["C4", ""], "goodness_of_fit": 0.974}, index=[0, 1])
    axes = plot_consensus(consensus, n_clusters=2, dipoles=dipoles).axes[:-1:5]
    labels = [ax.get_xlabel() for ax in axes]
    assert [label.split("\n")[-1] for label in labels] == ["under C4 (97 %)", "no single place"]


def test_consensus_says_where_each_pattern_is_largest(consensus):
    names = consensus.info["ch_names"]
    labels = [ax.get_xlabel() for ax in plot_consensus(consensus, n_clusters=2).axes[:-1:5]]
    for label, cluster in zip(labels, consensus.clusters, strict=False):
        largest = names[np.abs(cluster.pattern).argmax()]
        assert label.startswith(f"largest at {largest}")


def test_consensus_shows_relevance_on_one_scale(consensus):
    axes = plot_consensus(consensus, n_clusters=3).axes[4:-1:5]
    assert len({ax.get_xlim() for ax in axes}) == 1
    for ax, cluster in zip(axes, consensus.clusters, strict=False):
        np.testing.assert_allclose([bar.get_width() for bar in ax.patches], cluster.relevance)
