"""The ablation study: what it compares, its statistics, its learning curves, and resuming."""

import itertools
import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn
from moabb.evaluations import WithinSessionEvaluation
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold

from eegsep import EEGNetClassifier
from eegsep._utils.errors import RequestError
from eegsep._utils.memory import fit_memory
from eegsep.datasets import SimulatedMotorImagery
from eegsep.separability import Separability, data_separability
from eegsep.studies.ablation import MOBILENET_TABLE_4, ablate, compare, measure_costs, where_it_pays
from eegsep.studies.separability_index import correlate, pair_with_index
from eegsep.studies.variants import VARIANTS, OnFewerTrials, choose_variants
from tests.conftest import make_trials, some_scores

pytestmark = pytest.mark.usefixtures("memory_is_known")
TWO = ["standard-spatial"]  # the published network is always there


def small(**changes):
    """Return a simulated dataset of two subjects, one session, ten trials of each class."""
    settings = {
        "n_subjects": 2,
        "n_sessions": 1,
        "n_runs": 1,
        "n_trials_per_class": 10,
        "channels": ("FC3", "C3", "CP3", "FC4", "C4", "CP4"),
    }
    return SimulatedMotorImagery(**(settings | changes))


def study(output, **changes):
    settings = {"variants": TWO, "max_epochs": 2, "n_seeds": 1}
    return ablate(small(), output=output, **(settings | changes))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Run a study with a learning curve once: its folder and its result."""
    output = tmp_path_factory.mktemp("ablation")
    return output, study(output, learning_curve=[0.5])


variant_scores = partial(some_scores, of="variant")


# -- variants ------------------------------------------------------------------------------------


def test_the_published_network_is_always_compared_and_first():
    assert list(choose_variants(TWO)) == ["published", "standard-spatial"]


def test_a_variant_may_be_written_as_parameters():
    variants = choose_variants(["spatial=standard+D=3"])
    assert variants["spatial=standard+D=3"] == {"spatial": "standard", "D": 3}


def test_all_variants_are_there_without_a_choice():
    assert choose_variants() == VARIANTS


@pytest.mark.parametrize(
    ("variants", "text"),
    [
        (["standard-spatail"], "unknown variant .* standard-spatial"),
        (["spatial="], "cannot read the variant"),
        (["spatial={"], "cannot read '{'"),
        (["breadth=3"], "variant breadth=3: .*breadth"),
        ({"published": {"D": 1}}, "kept for the network as published"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(variants, text):
    with pytest.raises(RequestError, match=text) as error:
        choose_variants(variants)
    assert "\n" not in str(error.value)


# -- statistics ----------------------------------------------------------------------------------


@pytest.fixture
def eight():
    published, other, third = np.random.default_rng(0).uniform(0.5, 1, size=(3, 8))
    return {"published": published, "other": other, "third": third}


def test_interval_of_the_difference_is_scipys(eight):
    row = compare(variant_scores(eight)).set_index("variant").loc["other"]
    expected = scipy.stats.ttest_rel(eight["other"], eight["published"]).confidence_interval(0.95)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(expected))


def test_p_value_is_scipys_permutation_test(eight):
    row = compare(variant_scores(eight)).set_index("variant").loc["other"]
    expected = scipy.stats.permutation_test(
        (eight["other"] - eight["published"],),
        np.mean,
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert row["p"] == pytest.approx(expected.pvalue)


def test_p_value_is_scipys_wilcoxon_test_from_twenty_subjects_on():
    a, b = np.random.default_rng(0).uniform(0.5, 1, size=(2, 20))
    row = compare(variant_scores({"published": a, "other": b})).set_index("variant").loc["other"]
    assert row["p"] == pytest.approx(scipy.stats.wilcoxon(a, b).pvalue)


def test_effect_size_is_the_mean_difference_over_its_deviation(eight):
    row = compare(variant_scores(eight)).set_index("variant").loc["other"]
    t = scipy.stats.ttest_rel(eight["other"], eight["published"]).statistic
    assert row["effect"] == pytest.approx(t / np.sqrt(8))


def test_p_values_are_corrected_within_a_dataset(eight):
    two = [variant_scores(eight), variant_scores({k: v[::-1] ** 2 for k, v in eight.items()})]
    table = compare(pd.concat([two[0], two[1].assign(dataset="e")]))
    for _, part in table.groupby("dataset"):
        p = part["p"].dropna().to_numpy()
        expected = min(1, 2 * p.min())
        assert part["p_holm"].min() == pytest.approx(expected)


def test_seeds_are_averaged_before_subjects_are_compared():
    first = variant_scores({"published": [0.6, 0.8], "other": [0.7, 0.7]})
    second = variant_scores({"published": [0.8, 0.6], "other": [0.7, 0.7]}, seed=1)
    row = compare(pd.concat([first, second])).set_index("variant").loc["other"]
    assert (row["difference"], row["difference_sd"]) == pytest.approx((0, 0))


def test_the_published_network_has_no_difference_to_itself(eight):
    row = compare(variant_scores(eight)).set_index("variant").loc["published"]
    assert row[["ci_low", "ci_high", "effect", "p", "p_holm"]].isna().all()


def test_one_subject_gives_no_interval_and_no_effect():
    table = compare(variant_scores({"published": [0.5], "other": [0.7]}))
    assert table[["ci_low", "ci_high", "effect", "p_holm"]].isna().all(axis=None)


# -- cost ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def costs():
    X, y = make_trials(n_trials=8, n_chans=22, n_times=512)
    classifiers = {
        name: EEGNetClassifier(**parameters, max_epochs=1, random_state=0).fit(X, y)
        for name, parameters in choose_variants(TWO).items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eegsep.studies.ablation.fit_memory", fit_memory)
        return measure_costs(classifiers, X, y).set_index("variant")


def test_parameters_of_the_published_network_are_keras(costs):
    # 2,484 for 4 classes, with 2 × 16 × 16 + 2 in place of 4 × 16 × 16 + 4 weights at the end
    assert costs.loc["published", "parameters"] == 2484 - 2 * (16 * 16 + 1)


def test_multiply_adds_are_those_of_the_convolutions(costs):
    temporal, spatial = 8 * 22 * 512 * 64, 16 * 22 * 512
    second_block, dense = 16 * 128 * (16 + 16), 2 * 256
    expected = temporal + spatial + second_block + dense
    assert costs.loc["published", "multiply_adds"] == expected
    assert costs.loc["standard-spatial", "multiply_adds"] == expected + 7 * spatial


def test_latency_is_a_time(costs):
    assert (costs["latency"] > 0).all()


def test_memory_is_of_a_fit_of_all_trials(costs):
    # the classifier's own copy in float32, at the least
    assert (costs["memory"] > 8 * 22 * 512 * 4).all()


def test_memory_is_measured_variant_after_variant():
    X, y = make_trials(n_trials=8)
    classifiers = {name: EEGNetClassifier(max_epochs=1).fit(X, y) for name in ("one", "two")}
    told = []
    measure_costs(classifiers, X, y, progress=lambda *report: told.append(report))
    assert told == [("memory", 0, 2, ""), ("memory", 1, 2, "one"), ("memory", 2, 2, "two")]


def test_mobilenet_loses_a_point_at_a_seventh_of_the_parameters():
    (_, full, full_adds, full_size), (_, separable, adds, size) = MOBILENET_TABLE_4
    assert separable - full == pytest.approx(-1.1)
    assert full_size / size == pytest.approx(7, abs=0.1)
    assert full_adds / adds == pytest.approx(8.6, abs=0.1)


# -- fewer trials --------------------------------------------------------------------------------


class Remembers(ClassifierMixin, BaseEstimator):
    """Keeps what it was fitted on."""

    def fit(self, X, y):
        self.classes_, self.X_, self.y_ = np.unique(y), X, y
        return self


def trials_taken(fraction, random_state=0):
    """Return the numbers of the trials that are fitted on, and their labels."""
    y = np.array([0] * 40 + [1] * 20)
    rng = np.random.default_rng(0)
    order = rng.permutation(60)
    part = OnFewerTrials(Remembers(), fraction=fraction, random_state=random_state)
    fitted = part.fit(np.arange(60)[:, None][order], y[order]).estimator_
    return fitted.X_[:, 0], fitted.y_


def test_a_part_has_the_proportions_of_the_classes():
    assert np.bincount(trials_taken(0.25)[1]).tolist() == [10, 5]


def test_smaller_parts_are_in_larger_ones():
    parts = [set(trials_taken(fraction)[0]) for fraction in (0.1, 0.3, 0.7, 1)]
    assert all(less < more for less, more in itertools.pairwise(parts))


def test_another_seed_takes_other_trials():
    assert set(trials_taken(0.3, 0)[0]) != set(trials_taken(0.3, 1)[0])


def test_a_part_has_three_trials_of_each_class_at_least():
    assert np.bincount(trials_taken(0.01)[1]).tolist() == [3, 3]


def test_whole_groups_are_kept_where_there_are_groups():
    trial = np.repeat(np.arange(20), 5)  # five windows of each
    y = trial % 2
    taken = {}
    for fraction in (0.3, 0.5):
        part = OnFewerTrials(Remembers(), fraction=fraction, random_state=0)
        windows = part.fit(np.arange(100)[:, None], y, groups=trial).estimator_.X_[:, 0]
        taken[fraction] = set(trial[windows])
        assert len(windows) == 5 * len(taken[fraction])
    assert {f: len(groups) for f, groups in taken.items()} == {0.3: 6, 0.5: 10}
    assert taken[0.3] < taken[0.5]


def test_the_share_of_groups_of_several_classes_is_that_of_all_groups():
    run = np.repeat(np.arange(10), 6)
    part = OnFewerTrials(Remembers(), fraction=0.4, random_state=0)
    fitted = part.fit(np.arange(60)[:, None], np.tile([0, 1], 30), groups=run).estimator_
    assert len(fitted.X_) == 4 * 6


def test_groups_of_a_part_reach_the_search_that_requests_them():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 4)
    y = groups % 2
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=GroupKFold(3))
    with sklearn.config_context(enable_metadata_routing=True):
        part = OnFewerTrials(search, fraction=0.5, random_state=0)
        fitted = part.fit(rng.normal(size=(48, 3)), y, groups=groups).estimator_
    assert fitted.n_splits_ == 3


def test_all_trials_are_the_plain_fit():
    X, y = make_trials(n_trials=12)
    classifier = EEGNetClassifier(max_epochs=2, random_state=0)
    part = OnFewerTrials(classifier, random_state=0).fit(X, y)
    np.testing.assert_array_equal(part.predict_proba(X), classifier.fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(part.predict(X), classifier.predict(X))


# -- the separability index ----------------------------------------------------------------------


def some_indices(index, p_value=0.01, **columns):
    """Return rows of the index of subjects 0, 1, ..., one session each."""
    rows = {"subject": range(len(index)), "index": index, "p_value": p_value}
    return pd.DataFrame(rows).assign(**({"dataset": "d", "session": "0"} | columns))


def some_pairs(index, lead):
    """Return subjects' indices and leads over one variant."""
    return pd.DataFrame({"dataset": "d", "variant": "joint", "index": index, "lead": lead})


def test_lead_is_the_published_score_minus_the_others():
    scores = variant_scores({"published": [0.9, 0.6], "joint": [0.7, 0.8], "grouped-2": [0, 0]})
    pairs = pair_with_index(scores.assign(fraction=1.0), some_indices([0.3, 0.4]))
    assert pairs["variant"].tolist() == ["joint", "joint"]
    assert pairs["index"].tolist() == [0.3, 0.4]
    assert pairs["lead"].tolist() == pytest.approx([0.2, -0.2])


def test_lead_is_of_networks_trained_on_all_trials():
    whole = variant_scores({"published": [0.9], "joint": [0.7]}).assign(fraction=1.0)
    part = variant_scores({"published": [0.5], "joint": [0.5]}).assign(fraction=0.5)
    pairs = pair_with_index(pd.concat([whole, part]), some_indices([0.5]))
    assert pairs["lead"].tolist() == pytest.approx([0.2])


def test_sessions_are_averaged_and_their_p_values_corrected_for_their_number():
    scores = variant_scores({"published": [0.9], "joint": [0.7]}).assign(fraction=1.0)
    sessions = [some_indices([0.2], 0.01), some_indices([0.6], 0.4, session="1")]
    (pair,) = pair_with_index(scores, pd.concat(sessions)).to_dict("records")
    assert (pair["index"], pair["p_value"]) == pytest.approx((0.4, 0.02))


def test_datasets_are_paired_each_for_itself():
    scores = variant_scores({"published": [0.9], "joint": [0.7]}).assign(fraction=1.0)
    scores = pd.concat([scores, scores.assign(dataset="c", score=[0.5, 0.6])])
    indices = pd.concat([some_indices([0.1], dataset="c"), some_indices([0.8])])
    pairs = pair_with_index(scores, indices)
    assert pairs["dataset"].tolist() == ["d", "c"]
    assert pairs["index"].tolist() == [0.8, 0.1]
    assert pairs["lead"].tolist() == pytest.approx([0.2, -0.1])


def test_without_a_less_separable_variant_there_is_no_pair():
    scores = variant_scores({"published": [0.9], "grouped-2": [0.7]}).assign(fraction=1.0)
    pairs = pair_with_index(scores, some_indices([0.5]))
    assert pairs.empty
    assert correlate(pairs).empty


def test_correlation_is_spearmans_by_its_closed_form():
    index, lead = [0.1, 0.5, 0.9, 0.3, 0.7], [-1, 0, 5, 2, 3]
    # ranks 1 3 5 2 4 and 1 2 5 3 4: squared differences sum to 2
    row = correlate(some_pairs(index, lead)).iloc[0]
    assert row["rho"] == pytest.approx(1 - 6 * 2 / (5 * (25 - 1)))


def test_p_value_of_few_subjects_is_that_of_all_orders():
    index, lead = [0.1, 0.5, 0.9, 0.3, 0.7], [-1, 0, 5, 2, 3]
    ranks = [1, 2, 5, 3, 4]
    distances = [
        sum((a - b) ** 2 for a, b in zip(order, ranks, strict=True))
        for order in itertools.permutations(range(1, 6))
    ]
    one_sided = np.mean(np.array(distances) <= 2)
    row = correlate(some_pairs(index, lead)).iloc[0]
    assert row["p"] == pytest.approx(2 * one_sided)


def test_p_value_of_many_subjects_is_students():
    index, lead = np.random.default_rng(0).normal(size=(2, 12))
    row = correlate(some_pairs(index, lead)).iloc[0]
    t = row["rho"] * np.sqrt(10 / (1 - row["rho"] ** 2))
    assert row["p"] == pytest.approx(2 * scipy.stats.t.sf(abs(t), 10))


@pytest.mark.parametrize(
    ("index", "lead"), [([0.1, 0.2], [0, 1]), ([0.5] * 3, [0, 1, 2]), ([0.1, 0.2, 0.3], [0] * 3)]
)
def test_nothing_is_correlated_with_two_subjects_or_without_differences(index, lead):
    assert correlate(some_pairs(index, lead))[["rho", "p"]].isna().all(axis=None)


# -- the study -----------------------------------------------------------------------------------


class Stop(Exception):
    """Says what would have been benchmarked."""

    def __init__(self, pipelines):
        self.pipelines = pipelines


def stop(*args, pipelines, **kwargs):
    raise Stop(pipelines)


def test_a_row_for_each_variant_fraction_subject_and_session(done):
    scores = done[1].scores
    sizes = scores.groupby(["variant", "fraction", "seed", "subject", "session"]).size()
    assert sizes.to_dict() == {
        (variant, fraction, 42, subject, "0"): 1
        for variant in ("published", "standard-spatial")
        for fraction in (0.5, 1)
        for subject in (1, 2)
    }


def test_scores_are_those_of_moabbs_own_evaluation(done, tmp_path):
    from moabb.paradigms import LeftRightImagery

    classifier = EEGNetClassifier(
        spatial="standard", max_epochs=2, batch_size=16, lr=0.003, random_state=42
    )
    theirs = WithinSessionEvaluation(
        paradigm=LeftRightImagery(resample=128),
        datasets=[small()],
        random_state=42,
        hdf5_path=str(tmp_path),
    ).process({"standard": classifier})
    ours = done[1].scores.query("variant == 'standard-spatial' and fraction == 1")
    np.testing.assert_allclose(ours["score"], theirs.sort_values("subject")["score"], rtol=1e-6)


def test_table_has_scores_and_costs(done):
    table = done[1].table.set_index("variant")
    means = done[1].scores.query("fraction == 1").groupby("variant")["score"].mean()
    assert table["mean"].to_dict() == pytest.approx(means.to_dict())
    assert table.loc["standard-spatial", "parameters"] > table.loc["published", "parameters"]
    assert (table["time"] > 0).all()
    assert (table["memory"] == 2**20).all()


def test_learning_curve_counts_training_trials(done):
    curve = done[1].learning_curve
    # 20 trials, 5 folds
    assert curve.groupby("fraction")["n_trials"].unique().map(list).to_dict() == {0.5: [8], 1: [16]}


def test_learning_curve_counts_training_trials_across_sessions(tmp_path):
    two = small(n_subjects=1, n_sessions=2)
    settings = {"variants": TWO, "max_epochs": 1, "n_seeds": 1, "separability": False}
    settings |= {"evaluation": "CrossSession", "learning_curve": [0.5]}
    curve = ablate(two, output=tmp_path, **settings).learning_curve
    # trained on the 20 trials of the other session
    assert curve.groupby("fraction")["n_trials"].unique().map(list).to_dict() == {
        0.5: [10],
        1: [20],
    }


def test_where_it_pays_tells_ahead_behind_and_neither():
    rows = [
        {"variant": name, "reference": "published", "n_trials": n, "difference": d, "p_holm": p}
        for name, n, d, p in [
            ("published", 9.0, 0.0, np.nan),
            ("published", 36.0, 0.0, np.nan),
            ("published", 18.0, 0.0, np.nan),
            ("joint", 9.0, -0.1, 0.01),
            ("joint", 36.0, 0.1, 0.05),
            ("joint", 18.0, -0.1, 0.06),
            ("grouped-2", 9.0, -0.1, 0.02),
            ("grouped-2", 36.0, -0.2, 0.02),
            ("grouped-2", 18.0, -0.2, 0.02),
        ]
    ]
    assert where_it_pays(pd.DataFrame(rows)) == [
        "published against joint: is ahead at 9; is behind at 36; no difference detected at 18 "
        "training trials.",
        "published against grouped-2: is ahead at 9, 18, 36 training trials.",
    ]


def test_where_it_pays_says_nothing_of_what_was_not_tested():
    rows = [
        {"variant": name, "reference": "published", "n_trials": 9.0, "difference": d, "p_holm": nan}
        for name, d, nan in [("published", 0.0, np.nan), ("joint", -0.3, np.nan)]
    ]
    assert where_it_pays(pd.DataFrame(rows)) == [
        "published against joint: not tested at 9 training trials."
    ]


def test_learning_curve_ends_in_the_table(done):
    end = done[1].learning_curve.query("fraction == 1")
    assert end["difference"].tolist() == done[1].table["difference"].tolist()


def test_index_is_that_of_the_trials_that_moabb_gives(done):
    from moabb.paradigms import LeftRightImagery

    X, y, _ = LeftRightImagery(resample=128).get_data(small(), [2])
    expected = data_separability(X, y, sfreq=128, fmin=8, fmax=32)
    (found,) = done[1].separability.query("subject == 2").to_dict("records")
    assert found["index"] == pytest.approx(expected.index)
    assert found["p_value"] == pytest.approx(expected.p_value)


def test_index_has_a_row_for_each_subject_and_session(tmp_path):
    result = ablate(small(n_sessions=2), output=tmp_path, variants=[], max_epochs=1, n_seeds=1)
    pairs = result.separability[["subject", "session"]].to_numpy().tolist()
    assert pairs == [[1, "0"], [1, "1"], [2, "0"], [2, "1"]]


def test_index_that_is_on_disk_is_not_measured_again(done, monkeypatch):
    output, first = done
    monkeypatch.setattr("eegsep.studies.separability_index.data_separability", None)
    again = study(output, learning_curve=[0.5])
    pd.testing.assert_frame_equal(again.separability, first.separability)


@pytest.mark.parametrize("changes", [{"fmax": 20}, {"overwrite": True}], ids=str)
def test_index_is_measured_again_for(changes, tmp_path, monkeypatch):
    bands = []

    def record(X, y, **settings):
        bands.append((settings["fmin"], settings["fmax"]))
        return Separability(0.5, 0.0, 0.0, 1.0, 1.0)

    monkeypatch.setattr("eegsep.studies.separability_index.data_separability", record)
    monkeypatch.setattr("eegsep.studies.ablation.benchmark", stop)
    for settings in ({}, changes):
        with pytest.raises(Stop):
            study(tmp_path, subjects=[1], **settings)
    assert bands == [(8, 32), (8, changes.get("fmax", 32))]


def test_index_can_be_switched_off(done, monkeypatch):
    monkeypatch.setattr("eegsep.studies.separability_index.data_separability", None)
    result = study(done[0], separability=False)
    assert result.separability.empty
    assert result.correlation.empty


def test_index_that_cannot_be_measured_is_named_and_ends_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("every channel is flat")

    monkeypatch.setattr("eegsep.studies.separability_index.data_separability", fail)
    result = study(tmp_path, variants=["joint"])
    assert set(result.scores["variant"]) == {"published", "joint"}
    assert result.separability.empty
    assert result.correlation.empty
    assert {each["pipeline"] for each in result.run["failed"]} == {"separability index"}
    assert {each["reason"] for each in result.run["failed"]} == {"every channel is flat"}


def test_every_variant_can_be_trained_on_few_electrodes(tmp_path, monkeypatch):
    monkeypatch.setattr("eegsep.studies.ablation.benchmark", stop)
    with pytest.raises(Stop) as stopped:
        study(tmp_path, variants=None, separability=False)
    assert list(stopped.value.pipelines) == list(VARIANTS)


def test_a_variant_that_the_data_do_not_allow_is_left_out_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("eegsep.studies.ablation.benchmark", stop)
    many = SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_runs=1, n_trials_per_class=5)
    with pytest.raises(Stop) as stopped:
        ablate(many, output=tmp_path, separability=False)
    # a single kernel of 22 electrodes × 64 samples has over half of the published parameters
    assert set(VARIANTS) - set(stopped.value.pipelines) == {"joint-matched"}
    with pytest.raises(RequestError, match="variant joint-matched cannot be trained on"):
        ablate(many, output=tmp_path, variants=["joint-matched"])


def test_no_learning_curve_unless_asked_for(tmp_path):
    assert study(tmp_path, subjects=[1]).learning_curve.empty


def test_no_dataset_is_refused(tmp_path):
    with pytest.raises(RequestError, match="name one or more"):
        ablate([], output=tmp_path)


def test_what_is_on_disk_is_not_fitted_again(done, monkeypatch):
    output, first = done

    def refuse(*args, **kwargs):
        raise AssertionError("evaluated again")

    monkeypatch.setattr(WithinSessionEvaluation, "process", refuse)
    again = study(output, learning_curve=[0.5])
    assert (again.run["evaluated"], again.run["found_on_disk"]) == (0, 8)
    pd.testing.assert_frame_equal(again.scores, first.scores)


def test_a_learning_curve_can_be_added_to_a_study(tmp_path):
    study(tmp_path, subjects=[1])
    run = study(tmp_path, subjects=[1], learning_curve=[0.5]).run
    assert (run["evaluated"], run["found_on_disk"]) == (2, 2)


def test_several_learning_rates_are_searched_for_each_variant(tmp_path, monkeypatch):
    grids = []
    fit = GridSearchCV.fit

    def recording(self, X, y):
        grids.append((self.estimator.spatial, self.param_grid))
        return fit(self, X, y)

    monkeypatch.setattr(GridSearchCV, "fit", recording)
    study(tmp_path, subjects=[1], lr=[0.001, 0.01], max_epochs=1)
    assert grids == [
        (spatial, {"lr": [0.001, 0.01]}) for spatial in ("depthwise", "standard") for _ in range(5)
    ]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"lr": 0}, "learning rates must be above 0"),
        ({"lr": []}, "learning rates must be above 0"),
        ({"learning_curve": [0.5, 2]}, "between 0 and 1, not 0.5, 2"),
        ({"variants": ["none"]}, "unknown variant"),
        ({"variants": ["spatial=round"]}, "variant spatial=round cannot be trained on .*round"),
        ({"paradigm": "LeftRight"}, "unknown paradigm"),
        ({"evaluation": "Within"}, "unknown evaluation"),
        ({"resample": -1.0}, "cannot resample"),
        ({"subjects": [9]}, "unknown subject"),
        ({"n_seeds": 0}, "1 or more"),
        ({"fmin": 30.0, "fmax": 20.0}, "must be below fmax"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_before_any_fit(
    settings, text, tmp_path, monkeypatch
):
    monkeypatch.setattr(WithinSessionEvaluation, "process", None)
    with pytest.raises(RequestError, match=text):
        study(tmp_path, **settings)


def test_saved_files_say_what_was_run(done, tmp_path):
    files = done[1].save(tmp_path)
    run = json.loads(files["run"].read_text())
    assert run["variants"]["standard-spatial"] == {
        "max_epochs": 2,
        "batch_size": 16,
        "lr": 0.003,
        "spatial": "standard",
    }
    assert (run["learning_curve"], run["learning_rates"], run["seeds"]) == ([0.5], [0.003], [42])
    assert len(pd.read_csv(files["scores"])) == 8
    assert list(pd.read_csv(files["ablation"])["variant"]) == ["published", "standard-spatial"]
    assert list(pd.read_csv(files["separability"])["subject"]) == [1, 2]
    assert list(pd.read_csv(files["correlation"])["variant"]) == ["standard-spatial"]
    assert len(pd.read_csv(files["learning_curve"])) == 4
