"""What is shown of the separability index is what it was found to be."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from eegsep.presentation.figures import (
    plot_separability_scores,
)


def test_separability_has_a_panel_for_each_dataset_and_variant(pairs, correlation):
    figure = plot_separability_scores(pairs, correlation)
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "ROC-AUC × 100: published − standard-spatial",
        "ROC-AUC × 100: published − joint",
    ] * 2


def test_separability_shows_leads_over_indices(pairs, correlation):
    ax = plot_separability_scores(pairs, correlation).axes[0]
    expected = [[0.2, -0.1], [0.4, 0], [0.6, 0.1]]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), expected, atol=1e-12)


def test_separability_is_open_where_classes_do_not_differ(pairs, correlation):
    ax = plot_separability_scores(pairs, correlation).axes[0]
    white = (ax.collections[0].get_facecolors()[:, :3] == 1).all(axis=1)
    assert white.tolist() == [False, False, True]  # p of 0.02, 0.04, 0.06


def test_separability_says_the_correlation_whatever_it_is(pairs, correlation):
    figure = plot_separability_scores(pairs, correlation)
    assert [ax.get_title() for ax in figure.axes] == [
        "one\nSpearman's ρ = +0.50, p = 0.04, n = 3",
        "one\nSpearman's ρ = -0.25, p = 1, n = 3",
        "two\nno rank correlation (n = 3)",
        "two\nSpearman's ρ = +1.00, p = 0.33, n = 3",
    ]


def test_separability_has_its_caption_below(pairs, correlation):
    figure = plot_separability_scores(pairs, correlation, caption="what it says " * 20)
    assert "".join(figure.get_supxlabel().split()) == "whatitsays" * 20


def test_separability_is_drawn_into_given_axes(pairs, correlation):
    figure = Figure()
    axes = figure.subplots(2, 2)
    assert plot_separability_scores(pairs, correlation, axes=axes) is figure
    assert axes[1, 1].collections


def test_separability_without_subjects_is_refused(pairs, correlation):
    with pytest.raises(ValueError, match="no variant was run"):
        plot_separability_scores(pairs[:0], correlation[:0])
