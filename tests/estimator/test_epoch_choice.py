"""How many epochs to train for, by cross-validation of the training trials."""

import numpy as np
import pytest

from eegsep import EEGNetClassifier
from eegsep.estimator import epoch_choice
from tests.network.starts import SFREQ, induced_trials


class TestEpochChoice:
    def test_folds_keep_groups_together_and_hold_every_class(self):
        y = np.arange(48) % 3
        groups = np.arange(48) // 4
        splits = epoch_choice.folds(y, groups, 0)
        assert len(splits) == epoch_choice.N_FOLDS
        assert sorted(np.concatenate([left for _, left in splits])) == list(range(48))
        for kept, left in splits:
            assert not set(groups[kept]) & set(groups[left])
            assert set(y[kept]) == {0, 1, 2}

    def test_nothing_to_leave_out_trains_for_all_epochs(self):
        X, _ = induced_trials(n_trials=4)
        clf = EEGNetClassifier(early_stopping="cv", sfreq=SFREQ, max_epochs=3)
        assert clf.fit(X, [0, 1, 1, 1]).n_iter_ == 3

    def test_labels_by_chance_get_flat_probabilities(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 4, 128)), rng.permutation(np.arange(40) % 2)
        clf = EEGNetClassifier(
            init="auto", early_stopping="cv", sfreq=SFREQ, max_epochs=10, random_state=0
        ).fit(X, y)
        assert clf.predict_proba(rng.normal(size=(40, 4, 128))).max() < 0.8

    def test_validation_data_does_not_go_with_it(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(early_stopping="cv", sfreq=SFREQ, max_epochs=1)
        with pytest.raises(ValueError, match="validation_data"):
            clf.fit(X, y, validation_data=(X, y))
