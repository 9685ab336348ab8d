"""Starting weights through the estimator, alone and beside random weights."""

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from eegsep import EEGNetClassifier
from tests.network.starts import SFREQ, evoked_trials, induced_trials, mirrored_trials


class TestMirror:
    def test_the_estimator_goes_by_the_names_of_channels(self):
        X, y = mirrored_trials(lateralised=True, louder=1.3)
        clf = EEGNetClassifier(init="induced", kernel_length=8, max_epochs=0)
        plain = clf.fit(X, y).decision_function(X)
        named = clf.set_params(ch_names=["C3", "C4", "Cz"]).fit(X, y)
        assert not np.allclose(named.decision_function(X), plain)
        mirrored = named.decision_function(X[:, [1, 0, 2]])
        assert np.corrcoef(mirrored, -named.decision_function(X))[0, 1] > 0.95

    @pytest.mark.parametrize("lateralised", [True, False])
    def test_where_images_are_of_the_other_class_half_of_what_is_trained_on_is_images(
        self, lateralised
    ):
        X, y = mirrored_trials(lateralised, louder=1.3, n_trials=120)
        images, labels = [], []

        def look(batch, of_batch, generator):
            for x, label in zip(batch.double().numpy(), of_batch.tolist(), strict=True):
                apart = [np.abs(each - x).mean(axis=(1, 2)) for each in (scaled, scaled[:, mirror])]
                is_image = apart[1].min() < apart[0].min()
                trial = int(apart[int(is_image)].argmin())
                images.append(is_image)
                labels.append(label == (1 - y[trial] if is_image else y[trial]))
            return batch, of_batch

        def partly():
            clf.partial_fit(X, y)

        mirror = [1, 0, 2]
        options = {"kernel_length": 8, "ch_names": ["C3", "C4", "Cz"], "random_state": 0}
        clf = EEGNetClassifier(sfreq=SFREQ, max_epochs=0, **options).fit(X, y)
        scaled = (X - clf.center_[:, None]) / clf.scale_[:, None]
        clf.set_params(max_epochs=20, augmentation=look).fit(X, y)
        assert clf.mirror_images_ == lateralised
        assert np.mean(images) == pytest.approx(0.5 * lateralised, abs=0.1)
        for further in (lambda: clf.set_params(warm_start=True).fit(X, y), partly):
            images.clear()
            further()
            assert np.mean(images) == pytest.approx(0.5 * lateralised, abs=0.15)
        assert all(labels)

    @pytest.mark.parametrize("names", [["C3", "C4"], ["C3", "C4", "C4"]])
    def test_names_that_are_not_those_of_the_channels_are_refused(self, names):
        X, y = mirrored_trials(lateralised=True, louder=1.3)
        with pytest.raises(ValueError, match="ch_names must be 3 different names"):
            EEGNetClassifier(ch_names=names, sfreq=SFREQ).fit(X, y)


class TestBands:
    def test_responses_to_flicker_a_few_hertz_apart_are_told_apart(self):
        rng = np.random.default_rng(5)
        y = np.arange(120) % 4
        frequency = np.array([0, 13, 17, 21])[y][:, None]
        time = np.arange(256) / SFREQ
        phase = rng.uniform(0, 2 * np.pi, (120, 1))
        X = rng.normal(size=(120, 4, 256))
        X += 0.5 * np.sin(2 * np.pi * frequency * time + phase)[:, None] * [[1], [2], [0], [1]]
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:80], y[:80])
        assert clf.init_ == "induced"
        assert clf.score(X[80:], y[80:]) >= 0.9


class TestEstimator:
    def test_classes_of_balanced_weight_are_as_probable_whatever_their_shares(self):
        X, y = mirrored_trials(lateralised=True, louder=1.6, n_trials=600)
        kept = np.flatnonzero((y == 0) | (np.arange(600) % 20 == 1))  # 300 and 30
        unseen, truth = mirrored_trials(lateralised=True, louder=1.6, n_trials=200, seed=1)
        clf = EEGNetClassifier(sfreq=SFREQ, kernel_length=8, class_weight="balanced", max_epochs=0)
        probabilities = clf.fit(X[kept], y[kept]).predict_proba(unseen)[:, 1]
        assert probabilities[truth == 0].mean() < 0.1
        assert probabilities[truth == 1].mean() > 0.9

    def test_trials_of_both_classes_at_once_tell_nothing(self):
        X, y = mirrored_trials(lateralised=True, n_trials=120)
        clf = EEGNetClassifier(sfreq=SFREQ, kernel_length=8, max_epochs=20, random_state=0)
        clf.fit(np.concatenate([X, X]), np.concatenate([y, 1 - y]))
        np.testing.assert_allclose(clf.predict_proba(X), 0.5, atol=0.05)

    @pytest.mark.parametrize(
        ("trials", "kind"), [(induced_trials, "induced"), (evoked_trials, "evoked")]
    )
    def test_auto_tells_induced_from_evoked_activity(self, trials, kind):
        X, y = trials()
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:60], y[:60])
        assert clf.init_ == kind
        assert clf.score(X[60:], y[60:]) >= 0.8

    def test_more_than_two_classes(self):
        X, y = induced_trials(n_trials=120, n_classes=3, gain=1)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=0).fit(X[:90], y[:90])
        assert clf.score(X[90:], y[90:]) >= 0.8

    @pytest.mark.parametrize("F1", [1, 2, 8])
    def test_evoked_activity_of_three_classes_in_networks_of_any_size(self, F1):
        rng = np.random.default_rng(6)
        y = np.arange(90) % 3
        X = rng.normal(size=(90, 3, 128))
        X[y == 1, 0, 20:60] += 0.8
        X[y == 2, 0, 20:60] -= 0.8
        clf = EEGNetClassifier(init="evoked", F1=F1, D=1, sfreq=SFREQ, max_epochs=0)
        assert clf.fit(X[:60], y[:60]).score(X[60:], y[60:]) >= 0.8

    def test_order_and_unit_do_not_matter(self):
        X, y = induced_trials(n_trials=30)
        order = np.random.default_rng(0).permutation(30)
        clf = EEGNetClassifier(
            init="auto", early_stopping="cv", sfreq=SFREQ, max_epochs=5, random_state=0
        )
        expected = clf.fit(X, y).decision_function(X)
        np.testing.assert_array_equal(clf.fit(X[order], y[order]).decision_function(X), expected)
        found = clf.fit(X * 2.0**-20, y).decision_function(X * 2.0**-20)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_a_weight_of_two_is_the_trial_twice(self):
        X, y = induced_trials(n_trials=30)
        clf = EEGNetClassifier(init="induced", sfreq=SFREQ, max_epochs=2, random_state=0)
        twice = clf.fit(np.concatenate([X, X[:3]]), np.r_[y, y[:3]]).decision_function(X)
        weight = np.r_[2.0, 2, 2, np.ones(27)]
        np.testing.assert_array_equal(clf.fit(X, y, weight).decision_function(X), twice)

    @pytest.mark.parametrize("options", [{"spatial": "joint"}, {"F2": 4}])
    def test_what_cannot_hold_a_start_is_drawn_or_refused(self, options):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1, **options)
        assert clf.fit(X, y).init_ == "glorot"
        with pytest.raises(ValueError, match="init='induced' is not possible"):
            clf.set_params(init="induced").fit(X, y)

    def test_flat_trials_and_single_samples_are_drawn(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1)
        assert clf.fit(X[:, :, 0], y).init_ == "glorot"
        X[3] = 0
        assert clf.fit(X, y).init_ == "glorot"

    def test_a_class_without_weight_is_drawn_or_refused(self):
        X, y = induced_trials(n_trials=30)
        y[::3] = 2
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=1, class_weight={2: 0})
        assert clf.fit(X, y).init_ == "glorot"
        for kind in ("induced", "evoked"):
            with pytest.raises(ValueError, match="fewer than 3 distinct trials that count"):
                clf.set_params(init=kind).fit(X, y)

    def test_partial_fit_draws(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ)
        assert clf.partial_fit(X, y).init_ == "glorot"


class TestDropout:
    @pytest.mark.parametrize(
        ("trials", "kind"), [(induced_trials, "induced"), (evoked_trials, "evoked")]
    )
    def test_a_start_is_trained_without_and_keeps_its_function(self, trials, kind):
        X, y = trials()
        clf = EEGNetClassifier(init=kind, sfreq=SFREQ, lr=1e-12, random_state=0, max_epochs=0)
        expected = clf.fit(X, y).decision_function(X)
        assert clf.module_.dropout1.drop_prob == clf.module_.dropout2.drop_prob == 0
        found = clf.set_params(max_epochs=2).fit(X, y).decision_function(X)
        assert np.corrcoef(found, expected)[0, 1] > 0.99

    def test_random_weights_are_trained_with_it(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="glorot", max_epochs=1, drop_prob=0.25, sfreq=SFREQ).fit(X, y)
        assert clf.module_.dropout1.drop_prob == 0.25


class TestHowFarFromAStart:
    def test_training_ends_where_left_out_trials_are_served_best(self):
        """Labels of which half are drawn at random teach nothing for long; true ones do."""
        X, y = induced_trials(n_trials=200)
        rng = np.random.default_rng(0)
        wrong = np.where(rng.random(200) < 0.8, rng.permutation(y), y)
        options = {"sfreq": SFREQ, "max_epochs": 200, "lr": 0.01, "random_state": 0}
        true, false = (EEGNetClassifier(**options).fit(X, each) for each in (y, wrong))
        assert false.n_iter_ < true.n_iter_ <= 40

    def test_steps_grow_from_a_hundredth_of_the_rate(self):
        X, y = induced_trials(n_trials=120)
        options = {"sfreq": SFREQ, "drop_prob": 0.0, "random_state": 0}
        auto = EEGNetClassifier(max_epochs=200, lr=1e-3, **options).fit(X, y)
        assert 0 < auto.n_iter_ <= 40
        n_steps = 40 * 8  # batches of 15 of 120 trials

        def grow(optimizer, _):
            return LambdaLR(optimizer, lambda step: 0.01 ** (1 - step / n_steps))

        asked = EEGNetClassifier(
            init=auto.init_, max_epochs=auto.n_iter_, lr=1e-3, lr_schedule=grow, **options
        ).fit(X, y)
        torch.testing.assert_close(
            asked.module_.spatial.weight, auto.module_.spatial.weight, rtol=0, atol=0
        )

    def test_a_schedule_that_is_asked_for_is_kept(self):
        X, y = induced_trials(n_trials=120)
        options = {"sfreq": SFREQ, "max_epochs": 7, "random_state": 0}
        clf = EEGNetClassifier(lr_schedule="cosine", **options).fit(X, y)
        assert clf.n_iter_ == 7

    def test_without_groups_to_leave_out_it_stays_the_start(self):
        X, y = induced_trials(n_trials=120)
        clf = EEGNetClassifier(init="auto", max_epochs=10, sfreq=SFREQ, random_state=0)
        assert clf.fit(X, y, groups=y).n_iter_ == 0

    @pytest.mark.parametrize("n_trials", [40, 100])
    @pytest.mark.parametrize("early_stopping", [True, "cv"])
    def test_it_stops_early(self, early_stopping, n_trials):
        X, y = induced_trials(n_trials)
        clf = EEGNetClassifier(
            init="auto", early_stopping=early_stopping, sfreq=SFREQ, max_epochs=5, random_state=0
        )
        assert clf.fit(X, y).score(X, y) > 0.8

    def test_few_trials_stay_the_start(self):
        X, y = induced_trials(n_trials=99)
        options = {"F1": 3, "sfreq": SFREQ, "random_state": 0}
        clf = EEGNetClassifier(max_epochs=30, **options).fit(X, y)
        start = EEGNetClassifier(max_epochs=0, **options).fit(X, y)
        assert clf.n_iter_ == 0
        np.testing.assert_array_equal(clf.decision_function(X), start.decision_function(X))

    def test_training_goes_on_at_a_tenth_of_the_rate(self):
        X, y = induced_trials(n_trials=30)
        options = {"sfreq": SFREQ, "warm_start": True, "random_state": 0}
        asked = EEGNetClassifier(init="induced", max_epochs=0, lr=1e-5, **options).fit(X, y)
        auto = EEGNetClassifier(init="auto", max_epochs=0, lr=1e-4, **options).fit(X, y)
        for clf in (asked, auto):
            clf.set_params(max_epochs=2).fit(X, y)
        for name in ("temporal", "spatial", "separable_depthwise"):
            expected, found = (getattr(clf.module_, name).weight for clf in (asked, auto))
            torch.testing.assert_close(found, expected)

    def test_training_goes_on_as_a_whole(self):
        X, y = induced_trials(n_trials=120, n_classes=3)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=40, lr=0.01, random_state=0)
        before = clf.fit(X, y).module_.temporal.weight.detach().clone()
        clf.set_params(warm_start=True, max_epochs=1).fit(X, y)
        assert clf.n_iter_ == 1
        assert clf.partial_fit(X, y).n_iter_ == 2
        changed = (clf.module_.temporal.weight != before).flatten(1).any(dim=1)
        assert changed.all()

    def test_it_is_random_weights_alone_where_no_start_can_be_made(self):
        X, y = induced_trials(n_trials=20)
        options = {"spatial": "joint", "sfreq": SFREQ, "max_epochs": 2, "random_state": 0}
        auto = EEGNetClassifier(init="auto", **options).fit(X, y)
        drawn = EEGNetClassifier(init="glorot", **options).fit(X, y)
        assert auto.init_ == "glorot"
        np.testing.assert_array_equal(auto.decision_function(X), drawn.decision_function(X))

    def test_order_and_unit_do_not_matter(self):
        X, y = induced_trials(n_trials=30)
        order = np.random.default_rng(0).permutation(30)
        clf = EEGNetClassifier(init="auto", sfreq=SFREQ, max_epochs=15, random_state=0)
        expected = clf.fit(X, y).decision_function(X)
        np.testing.assert_array_equal(clf.fit(X[order], y[order]).decision_function(X), expected)
        found = clf.fit(X * 2.0**-20, y).decision_function(X * 2.0**-20)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
