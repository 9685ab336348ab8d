"""Reliability, confusions and losses are shown as they are."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from eegsep import EEGNetClassifier
from eegsep.presentation.figures import (
    plot_confusion,
    plot_history,
    plot_reliability,
)
from tests.conftest import make_epochs


def test_reliability_shows_trained_networks_and_controls(reliability):
    figure = plot_reliability(reliability)
    drawn = [c.get_offsets()[:, 0].tolist() for c in figure.axes[0].collections]
    assert drawn == [
        reliability[kind].tolist() for kind in ("shuffled", "untrained", "trained")
    ] + [[]]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["1", "2"]


def test_reliability_is_open_where_nothing_is_stable(reliability):
    dots = plot_reliability(reliability).axes[0].collections[2]
    white = (dots.get_facecolors()[:, :3] == 1).all(axis=1)
    assert white.tolist() == [False, True]


def test_reliability_without_controls_shows_trained_networks_alone(reliability):
    figure = plot_reliability(reliability.assign(untrained=None, shuffled=None, stable=None))
    assert [text.get_text() for text in figure.axes[0].get_legend().texts] == ["trained"]


def test_confusion_shows_shares_of_the_true_class():
    ax = plot_confusion([[30, 10], [4, 16]], ["left", "right"]).axes[0]
    assert [text.get_text() for text in ax.texts] == ["75%\n30", "25%\n10", "20%\n4", "80%\n16"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.75, 0.25], [0.2, 0.8]])


def test_confusion_of_a_class_without_trials_has_no_share():
    ax = plot_confusion([[0, 0], [1, 3]], ["left", "right"]).axes[0]
    assert ax.texts[0].get_text() == "0%\n0"


def test_history_shows_the_loss_over_epochs():
    epochs, y = make_epochs()
    history = (
        EEGNetClassifier(init="glorot", F1=1, max_epochs=3, random_state=0).fit(epochs, y).history_
    )
    lines = plot_history(history).axes[0].lines
    assert len(lines) == 1
    np.testing.assert_array_equal(lines[0].get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(lines[0].get_ydata(), [row["train_loss"] for row in history])


def test_history_marks_the_best_epoch_of_the_validation():
    losses = {"train_loss": [3.0, 2.0, 1.0], "valid_loss": [3.0, 2.5, 2.7]}
    history = pd.DataFrame({"epoch": [1, 2, 3], "valid_best": [True, True, False], **losses})
    best = plot_history(history).axes[0].lines[2]
    np.testing.assert_array_equal(best.get_xydata(), [[2, 2.5]])


def test_small_figures_are_drawn_into_given_axes(reliability):
    figure = Figure()
    axes = figure.subplots(3)
    assert plot_reliability(reliability, ax=axes[0]) is figure
    assert plot_confusion([[1, 0], [0, 1]], ["a", "b"], ax=axes[1]) is figure
    assert plot_history([{"epoch": 1, "train_loss": 1.0}], ax=axes[2]) is figure
    assert axes[0].collections
    assert axes[1].images
    assert axes[2].lines


def test_history_of_a_start_that_serves_best_says_so():
    (ax,) = plot_history([]).axes
    assert [text.get_text() for text in ax.texts] == ["the start, untrained"]
