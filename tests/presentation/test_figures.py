"""Figures show what they are given and leave matplotlib as they found it."""

import dataclasses

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from eegsep import EEGNetClassifier
from eegsep.inspection import components, cross_components, spatial_patterns
from eegsep.inspection import consensus as find_consensus
from eegsep.presentation.figures import (
    plot_ablation,
    plot_components,
    plot_confusion,
    plot_consensus,
    plot_history,
    plot_learning_curves,
    plot_maps,
    plot_reliability,
    plot_scores,
    plot_separability_scores,
    save,
)
from eegsep.statistics import summarise
from eegsep.studies.ablation import compare
from tests.conftest import make_epochs, make_trials


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset": dataset,
            "metric": "roc_auc",
            "pipeline": pipeline,
            "seed": 42,
            "subject": subject,
            "session": session,
            "score": rng.uniform(0.5, 1),
            "time": 1.0,
            "samples_test": 20,
            "n_classes": 2,
        }
        for dataset in ("one", "two")
        for pipeline in ("EEGNet", "CSP+LDA", "TS+LR")
        for subject in (1, 2, 3)
        for session in ("0", "1")
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def fitted():
    epochs, y = make_epochs()
    classifier = EEGNetClassifier(F1=3, D=2, max_epochs=2, init="glorot", random_state=0)
    return classifier.fit(epochs, y), epochs


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


def assert_says_what_colours_are(bar):
    """Check a colour bar: blue is negative, red positive, to the largest value of each map."""
    assert [label.get_text() for label in bar.get_xticklabels()] == ["−", "0", "+ largest"]
    red, _, blue, _ = bar._colorbar.mappable.to_rgba(1.0)
    assert red > blue


def test_scores_are_read_in_hundredths(scores):
    ax = plot_scores(scores, summarise(scores)).axes[0]
    assert ax.xaxis.get_major_formatter()(0.65, 0) == "65"


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


@pytest.fixture(scope="module")
def consensus():
    epochs, y = make_epochs()
    classifier = EEGNetClassifier(F1=3, D=2, max_epochs=10, lr=0.01, init="glorot")
    return find_consensus(cross_components(classifier, epochs, y, cv=2))


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


@pytest.fixture
def ablation(scores):
    """Return scores of three variants on two datasets, and their table with costs."""
    names = {"EEGNet": "published", "CSP+LDA": "joint", "TS+LR": "grouped-2"}
    scores = scores.assign(variant=scores["pipeline"].map(names), fraction=1.0)
    scores = scores.drop(columns="pipeline")
    table = compare(scores)
    costs = {"published": 2_000, "joint": 60_000, "grouped-2": 5_000}
    table["parameters"] = table["variant"].map(costs)
    table["multiply_adds"] = 1000 * table["parameters"]
    table["memory"] = 20_000_000 + table["parameters"]
    return scores, table


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


@pytest.fixture
def curves(ablation):
    """Return the comparison at two sizes of the training set."""
    _, table = ablation
    return pd.concat([table.assign(n_trials=9.0), table.assign(n_trials=36.0)], ignore_index=True)


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


@pytest.fixture
def pairs():
    """Return three subjects' indices and leads over two variants on two datasets."""
    rows = [
        {"dataset": dataset, "metric": "roc_auc", "variant": variant, "subject": subject}
        | {"index": 0.2 * subject, "p_value": 0.02 * subject, "lead": 0.1 * subject - 0.2}
        for dataset in ("one", "two")
        for variant in ("standard-spatial", "joint")
        for subject in (1, 2, 3)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def correlation(pairs):
    found = pairs[["dataset", "variant"]].drop_duplicates()
    return found.assign(n_subjects=3, rho=[0.5, -0.25, np.nan, 1], p=[0.04, 1, np.nan, 1 / 3])


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


@pytest.fixture
def reliability():
    """Return the reliabilities of two subjects, of which one is stable."""
    rows = [[1, 0.8, 0.1, -0.1, True], [2, 0.2, 0.15, 0.25, False]]
    return pd.DataFrame(rows, columns=["subject", "trained", "untrained", "shuffled", "stable"])


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
    history = EEGNetClassifier(F1=1, max_epochs=3, random_state=0).fit(epochs, y).history_
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


def test_figures_leave_matplotlib_as_it_was(
    scores, fitted, consensus, ablation, curves, pairs, correlation, reliability, tmp_path
):
    before = dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums()
    save(plot_ablation(*ablation), tmp_path / "ablation.png")
    save(plot_learning_curves(curves), tmp_path / "learning_curve.png")
    save(plot_separability_scores(pairs, correlation), tmp_path / "separability.png")
    save(plot_scores(scores, summarise(scores)), tmp_path / "scores.png")
    save(plot_reliability(reliability), tmp_path / "reliability.png")
    save(plot_confusion([[3, 1], [1, 3]], ["left", "right"]), tmp_path / "confusion.png")
    save(plot_history(fitted[0].history_), tmp_path / "history.png")
    save(plot_maps(fitted[0]), tmp_path / "maps.png")
    save(plot_components(components(fitted[0])), tmp_path / "components.png")
    save(plot_consensus(consensus), tmp_path / "consensus.png")
    assert (dict(mpl.rcParams), mpl.get_backend(), plt.get_fignums()) == before


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figures_are_saved_by_suffix(scores, tmp_path, suffix):
    file = tmp_path / f"scores.{suffix}"
    save(plot_scores(scores, summarise(scores)), file)
    assert file.stat().st_size > 1000
