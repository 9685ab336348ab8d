"""Variants are shown with their intervals, whole or cut, over costs and numbers of trials."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from eegsep.presentation.figures import (
    plot_ablation,
    plot_learning_curves,
)
from eegsep.studies.ablation import compare


def of_subjects(ablation, *subjects):
    """Return the scores of some of the subjects, and their table with the same costs."""
    scores, table = ablation
    scores = scores[scores["subject"].isin(subjects)]
    costs = ["dataset", "variant", "parameters", "multiply_adds", "memory"]
    return scores, compare(scores).merge(table[costs])


def test_ablation_has_a_row_of_four_axes_for_each_dataset(ablation):
    figure = plot_ablation(*ablation)
    assert [ax.get_title(loc="left") for ax in figure.axes[::4]] == [
        "one (3 subjects)",
        "two (3 subjects)",
    ]
    assert len(figure.axes) == 8


def test_headings_of_long_codes_do_not_meet(ablation):
    scores, table = (
        frame.replace({"dataset": {"one": "SimulatedTravellingWaves-3f2a1b9c"}})
        for frame in ablation
    )
    figure = plot_ablation(scores, table)
    figure.draw_without_rendering()
    ax, other = figure.axes[:2]
    # a title at the left is none of get_title's text objects but _left_title
    boxes = [ax._left_title.get_window_extent(), other._left_title.get_window_extent()]
    assert ax.get_title(loc="left") == "SimulatedTravellingWaves-\n3f2a1b9c\n(3 subjects)"
    assert boxes[0].x1 < boxes[1].x0


def cut_at(ax):
    """Return where arrowheads stand for the rest of an interval."""
    return [line.get_xydata()[0].tolist() for line in ax.lines if line.get_label() == "_cut"]


def test_intervals_of_three_subjects_are_whole(ablation):
    ax = plot_ablation(*ablation).axes[0]
    assert not cut_at(ax)
    low, high = ax.get_xlim()
    one = ablation[1][ablation[1]["dataset"] == "one"]
    assert low < one["ci_low"].min() < one["ci_high"].max() < high


def test_intervals_of_two_subjects_end_in_an_arrowhead_at_the_edge(ablation):
    scores, table = of_subjects(ablation, 1, 2)
    figure = plot_ablation(scores, table)
    ax, costs = figure.axes[:2]
    low, high = ax.get_xlim()
    widest = table[table["dataset"] == "one"]["ci_high"].argmax()
    assert table["ci_high"].iloc[widest] > high
    assert [high, widest] in cut_at(ax)
    dots = np.concatenate([c.get_offsets()[:, 0] for c in ax.collections if len(c.get_offsets())])
    assert low < dots.min() < dots.max() < high
    assert {y for _, y in cut_at(costs)} <= set(costs.get_ylim())


def test_axes_of_scores_end_at_one_and_cut_what_goes_on(ablation):
    scores, table = ablation
    reach = (table["ci_high"] - table["ci_low"]) / 2
    assert (table["mean"] + reach).max() > 1.02
    ax = plot_ablation(scores, table).axes[1]
    assert ax.get_ylim()[1] == 1.02
    assert {y for _, y in cut_at(ax)} == {1.02}


def test_one_subject_has_no_interval_to_cut(ablation):
    figure = plot_ablation(*of_subjects(ablation, 1))
    assert not any(cut_at(ax) for ax in figure.axes)


def test_ablation_shows_differences_with_their_intervals(ablation):
    ax = plot_ablation(*ablation).axes[0]
    row = ablation[1].iloc[1]
    _, _, (bar,) = ax.containers[1]
    np.testing.assert_allclose(
        bar.get_segments()[0], [[row["ci_low"], 1], [row["ci_high"], 1]], atol=1e-12
    )


def test_ablation_shows_each_subjects_difference(ablation):
    scores, table = ablation
    ax = plot_ablation(scores, table).axes[0]
    one = scores[scores["dataset"] == "one"]
    means = one.groupby(["subject", "variant"])["score"].mean().unstack()
    dots = [collection for collection in ax.collections if isinstance(collection, PathCollection)]
    np.testing.assert_allclose(dots[0].get_offsets()[:, 0], means["joint"] - means["published"])


@pytest.mark.parametrize(
    ("column", "cost", "scale"),
    [(1, "parameters", "log"), (2, "multiply_adds", "log"), (3, "memory", "linear")],
)
def test_ablation_shows_scores_over_costs(column, cost, scale, ablation):
    ax = plot_ablation(*ablation).axes[column]
    shown = [container.lines[0].get_xydata()[0].tolist() for container in ax.containers]
    one = ablation[1][ablation[1]["dataset"] == "one"]
    assert shown == one[[cost, "mean"]].to_numpy().tolist()
    assert ax.get_xscale() == scale  # logarithmic where costs differ threefold


def test_ablation_is_drawn_into_given_axes(ablation):
    figure = Figure()
    axes = figure.subplots(2, 4)
    assert plot_ablation(*ablation, axes=axes) is figure
    assert axes[1, 3].containers


def test_learning_curves_show_scores_over_the_number_of_trials(curves):
    ax = plot_learning_curves(curves).axes[0]
    own = curves[(curves["dataset"] == "one") & (curves["variant"] == "joint")]
    assert ax.get_xscale() == "log"
    line = next(bars for bars in ax.containers if bars.get_label() == "joint").lines[0]
    # side by side: at the number of trials but for a few percent
    np.testing.assert_allclose(line.get_xdata().astype(float), own["n_trials"], rtol=0.05)
    np.testing.assert_array_equal(line.get_ydata(), own["mean"])


@pytest.mark.parametrize(("column", "middle"), [(0, "mean"), (1, "difference")])
def test_learning_curves_have_the_intervals_of_the_differences(column, middle, curves):
    ax = plot_learning_curves(curves).axes[column]
    own = curves[(curves["dataset"] == "one") & (curves["variant"] == "joint")]
    _, _, (bars,) = ax.containers[0]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    np.testing.assert_allclose(ends.mean(axis=1), own[middle])
    np.testing.assert_allclose(np.ptp(ends, axis=1), own["ci_high"] - own["ci_low"])


def test_learning_curves_are_filled_where_the_difference_is_significant(curves):
    joint = curves["variant"] == "joint"
    curves["p_holm"] = np.where(joint & (curves["n_trials"] == 36), 0.05, 0.051)
    figure = plot_learning_curves(curves)
    own = curves[joint & (curves["dataset"] == "one")].set_index("n_trials")
    for ax, column in zip(figure.axes[:2], ("mean", "difference"), strict=True):
        assert all(bars.lines[0].get_markerfacecolor() == "white" for bars in ax.containers)
        filled = [line.get_ydata() for line in ax.lines if line.get_linewidth() == 0]
        assert np.concatenate(filled).tolist() == [own.loc[36, column]]


def test_learning_curves_show_differences_but_that_of_the_reference(curves):
    ax = plot_learning_curves(curves).axes[1]
    assert len(ax.containers) == 2
    own = curves[(curves["dataset"] == "one") & (curves["variant"] == "joint")]
    np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), own["difference"])


def test_learning_curves_are_drawn_into_given_axes(curves):
    figure = Figure()
    axes = figure.subplots(2, 2)
    assert plot_learning_curves(curves, axes=axes) is figure
    assert not figure.legends
