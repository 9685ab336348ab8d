"""Scores are shown as they are, with their means and the level of chance."""

import numpy as np
from matplotlib.figure import Figure

from eegsep.presentation.figures import (
    plot_scores,
)
from eegsep.statistics import summarise


def test_scores_have_an_axes_for_each_dataset(scores):
    figure = plot_scores(scores, summarise(scores))
    assert [ax.get_title() for ax in figure.axes] == ["one (3 subjects)", "two (3 subjects)"]


def test_scores_show_each_subjects_mean_over_sessions(scores):
    ax = plot_scores(scores, summarise(scores)).axes[0]
    shown = ax.collections[0].get_offsets()[:, 0]
    part = scores[(scores["dataset"] == "one") & (scores["pipeline"] == "EEGNet")]
    np.testing.assert_allclose(shown, part.groupby("subject")["score"].mean())


def test_scores_join_each_subjects_dots_across_pipelines(scores):
    ax = plot_scores(scores, summarise(scores)).axes[0]
    joined = [line for line in ax.lines if len(line.get_ydata()) == 3]
    assert len(joined) == 3


def test_scores_show_the_chance_level(scores):
    scores["n_classes"] = 4
    ax = plot_scores(scores, summarise(scores)).axes[0]
    assert 0.25 in [line.get_xdata()[0] for line in ax.lines]


def test_scores_name_their_metric(scores):
    assert plot_scores(scores, summarise(scores)).axes[0].get_xlabel() == "ROC-AUC × 100"


def test_scores_are_drawn_into_given_axes(scores):
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert plot_scores(scores, summarise(scores), axes=axes) is figure
    assert axes[0].collections


def test_scores_of_one_subject_have_no_deviation(scores):
    scores = scores[scores["subject"] == 1]
    ax = plot_scores(scores, summarise(scores)).axes[0]
    assert not any("±" in text.get_text() for text in ax.texts)


def test_scores_are_read_in_hundredths(scores):
    ax = plot_scores(scores, summarise(scores)).axes[0]
    assert ax.xaxis.get_major_formatter()(0.65, 0) == "65"
