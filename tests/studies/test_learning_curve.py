"""Learning curves: which trials are trained on, and what is made of the scores."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from eegsep._utils.errors import RequestError
from eegsep.presentation import figures
from eegsep.presentation.page import report
from eegsep.presentation.tables import learning_curve as curve_table
from eegsep.studies.benchmark import benchmark
from tests.studies.test_benchmark import small

fits = []


class Notes(ClassifierMixin, BaseEstimator):
    """Notes what it is fitted to and tested on, and guesses."""

    def __init__(self, luck=0):
        self.luck = luck

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_ = len(y)
        fits.append([{x.tobytes(): label for x, label in zip(np.asarray(X), y, strict=True)}, None])
        return self

    def predict_proba(self, X):
        fits[-1][1] = {x.tobytes() for x in np.asarray(X)}
        rng = np.random.default_rng([self.luck, self.n_])
        p = rng.uniform(size=len(X))
        return np.column_stack([p, 1 - p])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    fits.clear()
    folder = tmp_path_factory.mktemp("curve")
    result = benchmark(
        small(n_sessions=1, n_trials_per_class=10),
        output=folder,
        pipelines={"one": Notes(1), "two": Notes(2)},
        evaluation="LearningCurve",
        train_sizes=[8, 4],
    )
    result.save(folder)
    return result, folder


def test_training_sets_are_nested_and_of_each_class_alike(result):
    # a pipeline on a subject after the other, in each the draws, in each the sizes
    assert len(fits) == 2 * 2 * 5 * 2 == result[0].run["fits"]
    for k in range(0, len(fits), 2):
        (few, tested), (more, tested_too) = fits[k], fits[k + 1]
        assert [len(few), len(more)] == [4, 8]
        assert set(few) < set(more)
        assert np.bincount(list(few.values())).tolist() == [2, 2]
        assert np.bincount(list(more.values())).tolist() == [4, 4]
        assert tested == tested_too
        assert len(tested) == 4
        assert not tested & set(more)


def test_scores_have_a_row_for_each_size_and_draw(result):
    scores = result[0].scores
    assert scores.groupby(["subject", "pipeline"])["n_train"].value_counts().eq(5).all()
    assert sorted(scores["draw"].unique()) == [1, 2, 3, 4, 5]
    assert (scores["samples_test"] == 4).all()


def test_means_are_those_of_each_size_and_the_summary_that_of_the_largest(result):
    scores, summary, curve = result[0].scores, result[0].summary, result[0].learning_curve
    by_hand = scores.groupby(["pipeline", "n_train", "subject"])["score"].mean()
    by_hand = by_hand.groupby(["pipeline", "n_train"]).mean()
    for row in curve.to_dict("records"):
        assert row["mean"] == pytest.approx(by_hand[row["pipeline"], row["n_trials"]])
    for row in summary.to_dict("records"):
        assert row["mean"] == pytest.approx(by_hand[row["pipeline"], 8])


def test_the_curve_is_drawn_and_in_the_page(result):
    _, folder = result
    page = report(folder).read_text(encoding="utf-8")
    assert "Learning curves" in page
    assert "LearningCurve at 8 training trials" in page
    assert "--train-sizes" not in page  # of pipelines that are objects a call is written
    assert "train_sizes=[4, 8]" in page


def test_a_curve_of_pipelines_is_drawn_as_one_of_variants(result):
    curve = result[0].learning_curve
    figure = figures.plot_learning_curves(curve)
    drawn = figure.axes[0].get_lines()[0]
    reference = curve[curve["pipeline"] == curve["reference"]]
    assert drawn.get_xdata().tolist() == [4, 8]
    np.testing.assert_allclose(drawn.get_ydata(), reference["mean"])
    table = curve_table(curve, [])
    assert table.headings == ["pipeline", "4 trials", "8 trials"]


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([3, 4], "equally many trials of each of the 2 classes .* 3 cannot be"),
        ([0], "of 2 or more, not 0"),
        ([2.5], "numbers of trials"),
        ([float("nan")], "numbers of trials"),
        (["a"], "numbers of trials"),
        (2.5, "numbers of trials"),
        ([18], "has 10 trials of left_hand, of which 8 are left to train on: the curve needs 9"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, text, tmp_path):
    with pytest.raises(RequestError, match=text):
        benchmark(
            small(n_sessions=1, n_trials_per_class=10),
            output=tmp_path,
            pipelines={"one": Notes()},
            evaluation="LearningCurve",
            train_sizes=sizes,
        )
